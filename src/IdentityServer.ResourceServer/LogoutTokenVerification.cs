using System.Collections.Concurrent;
using System.Text.Json;
using Jose;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>Verifies logout tokens (OpenID Connect Back-Channel Logout §2.6). The issuer names the user in each of its own.</summary>
internal sealed class LogoutTokenVerification(IssuerKeys keys, IOptions<IdentityServerTokensOptions> options, TimeProvider clock)
{
    private const string Event = "http://schemas.openid.net/event/backchannel-logout";

    // For who has just started.
    private static readonly TimeSpan FirstAnswerPatience = TimeSpan.FromSeconds(2);

    /// <summary>Of a token; bounds what has to be remembered. The issuer's live two minutes.</summary>
    private static readonly TimeSpan MaximumLifetime = TimeSpan.FromMinutes(10);

    private readonly JwtExpectations _expectations = new()
    {
        Type = "logout+jwt",
        Issuer = options.Value.Authority,
        Audience = options.Value.ClientId,
        ClockSkew = options.Value.ClockSkew,
        MaximumLifetime = MaximumLifetime,
    };

    // By jti, until when. Only what the issuer signed gets in.
    private readonly ConcurrentDictionary<string, DateTimeOffset> _seen = new(StringComparer.Ordinal);

    /// <summary>The issuer has not been reached since the start: nobody can say whose token it is.</summary>
    public bool HasNoKeys => keys.Current is null;

    /// <summary>Null: it is no logout token for this client, or was taken before.</summary>
    public async ValueTask<(BackchannelLogout Logout, string JwtId)?> TryTakeAsync(string text, CancellationToken ct)
    {
        if (keys.Current is null)
            await keys.WaitForFirstKeysAsync(FirstAnswerPatience, ct);
        if (keys.Current is not { } known)
            return null;

        var now = clock.GetUtcNow();
        var error = known.Verifier.Verify(text, _expectations, now, out var claims);
        if (error == JwtError.UnknownKey && await keys.FindNewerAsync(known, ct) is var newer && newer != known)
            error = newer.Verifier.Verify(text, _expectations, now, out claims);
        if (error != JwtError.None || !IsLogout(claims!))
            return null;

        Forget(now);
        return _seen.TryAdd(claims!.JwtId!, claims.ExpiresAt + _expectations.ClockSkew)
            ? (new BackchannelLogout(claims.Subject, claims.GetString("sid"), claims.IssuedAt), claims.JwtId!)
            : null;
    }

    /// <summary>What was taken could not be done: it may come again.</summary>
    public void GiveBack(string jwtId) => _seen.TryRemove(jwtId, out _);

    private static bool IsLogout(JwtClaims claims) =>
        claims.JwtId is { Length: > 0 and <= 255 }
        && (!claims.Root.TryGetProperty("sid", out var session) || session.ValueKind == JsonValueKind.String)
        // An ID token must never pass, whatever its type says.
        && !claims.Root.TryGetProperty("nonce", out _)
        && claims.Root.TryGetProperty("events", out var events) && events.ValueKind == JsonValueKind.Object
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
