using IdentityServer.Keys;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Discovery;

/// <summary>The public keys of the key ring (RFC 7517 §5), which changes while the server runs.</summary>
internal sealed class AttachPublishedKeys(CurrentKeys keys) : IOpenIddictServerHandler<HandleJsonWebKeySetRequestContext>
{
    public ValueTask HandleAsync(HandleJsonWebKeySetRequestContext context)
    {
        context.Keys.AddRange(keys.Value.Published.Select(key => key.PublicKey));
        return default;
    }
}
