using Jose;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>Decides about one token, in this process: no call to the issuer but for a key that nobody has seen before.</summary>
internal sealed class AccessTokenVerification(
    IssuerKeys keys, RevocationWatch watch, RevokedTokens revoked, IOptions<IdentityServerTokensOptions> options, TimeProvider clock)
{
    // A program that has just started gets this long to hear from the issuer before it says 503.
    private static readonly TimeSpan FirstAnswerPatience = TimeSpan.FromSeconds(2);

    // RFC 9068 §4.
    private readonly JwtExpectations _expectations = new()
    {
        Type = "at+jwt",
        Issuer = options.Value.Authority,
        Audience = options.Value.Resource,
        ClockSkew = options.Value.ClockSkew,
    };

    public async ValueTask<(AccessToken? Token, BearerRefusal? Refusal)> VerifyAsync(string text, CancellationToken ct)
    {
        var known = keys.Current;
        if (known is null)
        {
            await keys.WaitForFirstKeysAsync(FirstAnswerPatience, ct);
            known = keys.Current;
            if (known is null)
                return (null, BearerRefusal.NoKeys);
        }

        var now = clock.GetUtcNow();
        var hash = TokenHash.Of(text);
        var token = known.Tokens.Find(hash);
        if (token is null)
        {
            var error = known.Verifier.Verify(text, _expectations, now, out var claims);
            if (error == JwtError.UnknownKey)
            {
                var newer = await keys.FindNewerAsync(known, ct);
                if (newer != known)
                {
                    known = newer;
                    error = known.Verifier.Verify(text, _expectations, now, out claims);
                }
            }

            if (error != JwtError.None)
                return (null, error == JwtError.Expired ? BearerRefusal.Expired : BearerRefusal.Invalid);
            token = AccessToken.Find(claims!);
            if (token is null)
                return (null, BearerRefusal.Invalid);
            known.Tokens.Remember(hash, token);
        }
        else if (now - _expectations.ClockSkew >= token.ExpiresAt)
        {
            known.Tokens.Forget(hash);
            return (null, BearerRefusal.Expired);
        }

        // What is known to be revoked is refused even when the feed is stale: that can't change back.
        if (revoked.Contains(token))
            return (null, BearerRefusal.Revoked);
        if (watch.IsStale)
            return (null, BearerRefusal.Stale);
        if (watch.HasAnswered)
            return (token, null);

        if (!await watch.WaitForFirstAnswerAsync(FirstAnswerPatience, ct))
            return (null, BearerRefusal.NoRevocations);
        return revoked.Contains(token) ? (null, BearerRefusal.Revoked) : (token, null);
    }
}
