using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Text.Json;
using IdentityServer.Http;

namespace IdentityServer.Accounts;

/// <summary>What a step of the account API found, or why it refuses.</summary>
internal readonly struct ApiResult<T> where T : class
{
    private ApiResult(T? value, ApiError? error) => (Value, Error) = (value, error);

    public T? Value { get; }
    public ApiError? Error { get; }

    [MemberNotNullWhen(true, nameof(Error))]
    [MemberNotNullWhen(false, nameof(Value))]
    public bool IsRefused => Error is not null;

    public static implicit operator ApiResult<T>(T value) => new(value, null);
    public static implicit operator ApiResult<T>(ApiError error) => new(null, error);
}

/// <summary>An answer that says yes.</summary>
/// <param name="Data">Fills the object <c>data</c>; none when null.</param>
internal sealed record ApiSuccess(HttpStatusCode Status, string Message, Action<Utf8JsonWriter>? Data = null);
