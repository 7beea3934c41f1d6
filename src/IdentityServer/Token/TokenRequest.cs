using System.Net;
using IdentityServer.Configuration;
using IdentityServer.Protocol;

namespace IdentityServer.Token;

/// <summary>A token request whose client is authenticated and may use the grant.</summary>
/// <param name="Address">Where it comes from, for limits and the audit trail.</param>
internal sealed record TokenRequest(Client Client, OAuthParameters Parameters, IPAddress? Address, CancellationToken Cancellation)
{
    /// <summary>The thumbprint of the key whose possession the request proves (RFC 9449 §5); null: it proves none.</summary>
    public string? DpopThumbprint { get; init; }
}
