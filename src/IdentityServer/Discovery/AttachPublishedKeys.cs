using System.Buffers;
using System.Text;
using System.Text.Json;
using IdentityServer.Tokens;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;
using JsonWebKeySet = Microsoft.IdentityModel.Tokens.JsonWebKeySet;

namespace IdentityServer.Discovery;

/// <summary>The public keys of the key ring (RFC 7517 §5), which changes while the server runs.</summary>
internal sealed class AttachPublishedKeys(CurrentKeys keys) : IOpenIddictServerHandler<HandleJsonWebKeySetRequestContext>
{
    public ValueTask HandleAsync(HandleJsonWebKeySetRequestContext context)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
            keys.Value.Published.WriteTo(json);
        context.Keys.AddRange(JsonWebKeySet.Create(Encoding.UTF8.GetString(buffer.WrittenSpan)).Keys);
        return default;
    }
}
