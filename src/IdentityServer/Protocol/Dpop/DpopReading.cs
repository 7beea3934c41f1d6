using System.Diagnostics.CodeAnalysis;
using Dpop;

namespace IdentityServer.Protocol.Dpop;

/// <summary>A request's proof, or why it is refused; neither if the request has none.</summary>
internal readonly record struct DpopReading(DpopProof? Proof, OAuthError? Error)
{
    [MemberNotNullWhen(true, nameof(Error))]
    public bool IsRefused => Error is not null;

    /// <summary>The key that was proved.</summary>
    public string? Thumbprint => Proof?.Thumbprint;

    public static implicit operator DpopReading(OAuthError error) => new(null, error);
}
