using Hosting;
using IdentityServer.ClientAuthentication;
using IdentityServer.Configuration;
using IdentityServer.Http;
using IdentityServer.Jwt;
using IdentityServer.Limits;
using IdentityServer.Protocol;
using IdentityServer.Settings;
using IdentityServer.Storage;
using IdentityServer.Tokens;
using Postgres;

namespace IdentityServer.Introspection;

/// <summary><c>POST /connect/introspect</c> (RFC 7662).</summary>
internal sealed class IntrospectionEndpoint(
    ClientAuthenticator clients, CurrentConfiguration configuration, AccessTokens accessTokens, GrantStore grants, CurrentKeys keys, DatabaseGate database,
    IssuerSettings issuer, Pulse pulse, RequestLimits limits, TimeProvider time)
{
    public async Task HandleAsync(HttpContext http)
    {
        if (limits.Refuse(Limit.Token, http) is { } tooMany)
        {
            await OAuthAnswer.WriteAsync(http, tooMany);
            return;
        }
        var parameters = await OAuthForm.ReadAsync(http);
        if (parameters.IsRefused)
        {
            await OAuthAnswer.WriteAsync(http, parameters.Error);
            return;
        }
        var client = await clients.AuthenticateConfidentialAsync(http, parameters.Value);
        if (client.IsRefused)
        {
            await OAuthAnswer.WriteAsync(http, client.Error);
            return;
        }
        if (parameters.Value[Parameters.Token] is not { } token)
        {
            await OAuthAnswer.WriteAsync(http, Errors.TokenMissing);
            return;
        }

        // The form of the token tells its kind; the hint need not (RFC 7662 §2.1).
        await (token.Contains('.', StringComparison.Ordinal)
            ? AnswerForAccessTokenAsync(http, client.Value, token)
            : AnswerForRefreshTokenAsync(http, client.Value, token));
    }

    private Task AnswerForAccessTokenAsync(HttpContext http, Client caller, string token)
    {
        // Not knowing what other nodes revoked, "active" would be a guess.
        if (!pulse.IsFresh)
            return OAuthAnswer.WriteAsync(http, Errors.Unavailable);
        var claims = accessTokens.FindLive(token);
        if (claims is null || !MaySee(caller, claims))
            return WriteInactiveAsync(http);

        return OAuthAnswer.WriteAsync(http, StatusCodes.Status200OK, claims, static (json, claims) =>
        {
            json.WriteBoolean("active", true);
            json.WriteString(Parameters.TokenType, AccessTokens.KeyOf(claims) is null ? TokenTypes.Bearer : TokenTypes.Dpop);
            foreach (var claim in claims.Root.EnumerateObject())
                claim.WriteTo(json);
        });
    }

    private async Task AnswerForRefreshTokenAsync(HttpContext http, Client caller, string token)
    {
        if (!GrantHandle.TryRead(keys.Value.Handles, token, out var grantId, out var generation))
        {
            await WriteInactiveAsync(http);
            return;
        }
        using var place = database.TryEnter();
        if (place.IsRefused)
        {
            await OAuthAnswer.WriteAsync(http, Errors.Busy);
            return;
        }
        if (await grants.FindAsync(grantId, time.GetUtcNow(), http.Deadline()).WithinDeadline(http) is not { } grant
            || !grant.IsAlive || grant.Generation != generation || grant.ClientId != caller.ClientId
            || !caller.MayRefresh || !caller.MayStillHave(ScopeSet.Of(grant.Scopes)))
        {
            await WriteInactiveAsync(http);
            return;
        }
        await OAuthAnswer.WriteAsync(http, StatusCodes.Status200OK, (grant, scopes: ScopeSet.Of(grant.Scopes).Intersect(caller.Scopes), issuer.Issuer), static (json, what) =>
        {
            var (grant, scopes, issuer) = what;
            json.WriteBoolean("active", true);
            json.WriteString(Parameters.TokenType, "refresh_token");
            json.WriteString(ClaimNames.Issuer, issuer);
            json.WriteString(ClaimNames.Subject, grant.Subject);
            json.WriteString(ClaimNames.ClientId, grant.ClientId);
            OAuthAnswer.WriteScope(json, scopes.ToString());
            json.WriteNumber(ClaimNames.ExpiresAt, grant.ExpiresAt.ToUnixTimeSeconds());
            json.WriteNumber(ClaimNames.IssuedAt, (grant.RotatedAt ?? grant.CreatedAt).ToUnixTimeSeconds());
            json.WriteString(ClaimNames.GrantId, grant.Id);
        });
    }

    /// <summary>The client that the token was issued to, and the clients of the resources that it is for.</summary>
    private bool MaySee(Client caller, JwtClaims claims) =>
        claims.ClientId == caller.ClientId
        || configuration.Value.Resources.Any(resource => resource.ClientId == caller.ClientId && claims.Audience.Contains(resource.Identifier));

    /// <summary>RFC 7662 §2.2: nothing but this, whatever the reason.</summary>
    private static Task WriteInactiveAsync(HttpContext http) =>
        OAuthAnswer.WriteAsync(http, StatusCodes.Status200OK, 0, static (json, _) => json.WriteBoolean("active", false));
}
