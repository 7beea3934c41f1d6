using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Text.Json;
using ServiceDefaults.Http;

namespace IdentityServer.Accounts;

/// <summary>The result of a step of the account API, or why it refuses.</summary>
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

/// <summary>A success.</summary>
/// <param name="Data">The object <c>data</c>; left out if null.</param>
internal sealed record ApiSuccess(HttpStatusCode Status, string Message, Action<Utf8JsonWriter>? Data = null);
