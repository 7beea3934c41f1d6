using System.Diagnostics.CodeAnalysis;

namespace IdentityServer.Protocol;

/// <summary>The result of a step, or why it refuses.</summary>
public readonly struct Result<T> where T : class
{
    private Result(T? value, OAuthError? error) => (Value, Error) = (value, error);

    public T? Value { get; }
    public OAuthError? Error { get; }

    [MemberNotNullWhen(true, nameof(Error))]
    [MemberNotNullWhen(false, nameof(Value))]
    public bool IsRefused => Error is not null;

    public static implicit operator Result<T>(T value) => new(value, null);
    public static implicit operator Result<T>(OAuthError error) => new(null, error);
}
