using System.Collections.Concurrent;
using System.Text.Json;
using Dpop;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>Verifies logout tokens (OpenID Connect Back-Channel Logout §2.6). Our issuer always includes the user.</summary>
internal sealed class LogoutTokenVerification(IssuerKeys keys, IOptions<IdentityServerTokensOptions> options, TimeProvider timeProvider)
{
    private const string Event = "http://schemas.openid.net/event/backchannel-logout";

    /// <summary>The longest lifetime of a token, which limits what must be remembered. The issuer's live two minutes.</summary>
    private static readonly TimeSpan MaximumLifetime = TimeSpan.FromMinutes(10);

    // From jti to expiry. Holds only tokens that the issuer signed.
    private readonly ConcurrentDictionary<string, DateTimeOffset> _seen = new(StringComparer.Ordinal);

    /// <summary>The issuer has not been reached since the start, so no token can be verified.</summary>
    public bool HasNoKeys => keys.Current is null;

    /// <summary>Null: not a logout token for this client, or already used.</summary>
    public async ValueTask<(BackchannelLogout Logout, string JwtId)?> TryTakeAsync(string text, CancellationToken cancellationToken)
    {
        if (await keys.WaitForConfigurationAsync(cancellationToken) is not { } configuration || !StrictJwt.TryRead(text, out var jwt) || !jwt.IsOfType("logout+jwt"))
            return null;
        var (_, key) = await keys.FindKeyAsync(configuration, jwt, cancellationToken);
        var now = timeProvider.GetUtcNow();
        if (key is null || !key.Verifies(jwt) || !RegisteredClaims.TryRead(jwt.Claims, out var claims) || !IsForUs(claims, now) || !IsLogout(jwt.Claims))
            return null;

        Forget(now);
        StrictJson.TryGetString(jwt.Claims, "sid", out var session);
        return _seen.TryAdd(claims.JwtId!, claims.ExpiresAt + options.Value.ClockSkew)
            ? (new BackchannelLogout(claims.Subject, session, claims.IssuedAt), claims.JwtId!)
            : null;
    }

    /// <summary>The logout failed, so the token may come again.</summary>
    public void GiveBack(string jwtId) => _seen.TryRemove(jwtId, out _);

    private bool IsForUs(RegisteredClaims claims, DateTimeOffset now)
    {
        var skew = options.Value.ClockSkew;
        return claims.Issuer == options.Value.Authority && claims.Audience.Contains(options.Value.ClientId)
            && claims.JwtId is { Length: > 0 and <= 255 }
            // Without iat, treat it as infinitely old.
            && claims.ExpiresAt - claims.IssuedAt <= MaximumLifetime
            && now - skew < claims.ExpiresAt && claims.IssuedAt <= now + skew && !(claims.NotBefore > now + skew);
    }

    private static bool IsLogout(JsonElement claims) =>
        StrictJson.TryGetString(claims, "sid", out _)
        // An ID token must never pass, whatever its type says.
        && !claims.TryGetProperty("nonce", out _)
        && claims.TryGetProperty("events", out var events) && events.ValueKind == JsonValueKind.Object
        && events.TryGetProperty(Event, out var happened) && happened.ValueKind == JsonValueKind.Object;

    private void Forget(DateTimeOffset now)
    {
        foreach (var entry in _seen)
        {
            if (entry.Value <= now)
                _seen.TryRemove(entry);
        }
    }
}
