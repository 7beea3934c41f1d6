using System.Text.Json;
using Dpop;

namespace IdentityServer.ResourceServer;

/// <summary>
/// Reads the keys that we can verify with, each for its one algorithm. Others are skipped (RFC 7517 §5), so that an issuer may publish
/// keys that we don't support.
/// </summary>
internal sealed class ReadSigningKeys : IOpenIddictValidationHandler<HandleJsonWebKeySetResponseContext>
{
    public ValueTask HandleAsync(HandleJsonWebKeySetResponseContext context)
    {
        if ((JsonElement?)context.Response["keys"] is { ValueKind: JsonValueKind.Array } keys)
        {
            foreach (var jwk in keys.EnumerateArray().Where(jwk => jwk.ValueKind == JsonValueKind.Object))
            {
                if (StrictJson.TryGetString(jwk, "alg", out var algorithm) && PublicJwk.TryRead(jwk, algorithm ?? DefaultOf(jwk), out var key))
                    context.SecurityKeys.Keys.Add(key);
            }
        }
        if (context.SecurityKeys.Keys.Count == 0)
            context.Reject("server_error", "The issuer's key set holds no usable key.");
        else if (context.SecurityKeys.Keys.Where(key => key.KeyId is not null).GroupBy(key => key.KeyId).Any(same => same.Count() > 1))
            context.Reject("server_error", "The issuer's key set names two keys by the same kid.");
        return default;
    }

    private static string DefaultOf(JsonElement jwk) => StrictJson.TryGetString(jwk, "kty", out var type) && type == "RSA" ? "RS256" : "ES256";
}
