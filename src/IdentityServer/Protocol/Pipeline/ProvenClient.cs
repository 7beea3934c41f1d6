using IdentityServer.Clients;
using IdentityServer.Protocol.Jwt;

namespace IdentityServer.Protocol.Pipeline;

/// <summary>A client that proved who it is.</summary>
/// <param name="Assertion">The JWT that authenticated it, valid for one use; null: it needed none.</param>
internal sealed record ProvenClient(Client Client, JwtClaims? Assertion = null);
