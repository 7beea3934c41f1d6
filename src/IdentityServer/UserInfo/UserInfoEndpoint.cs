using System.Text.Json;
using Hosting;
using IdentityServer.Configuration;
using IdentityServer.Discovery;
using IdentityServer.Dpop;
using IdentityServer.Http;
using IdentityServer.Jwt;
using IdentityServer.Limits;
using IdentityServer.Protocol;
using IdentityServer.Storage;
using IdentityServer.Tokens;
using Postgres;

namespace IdentityServer.UserInfo;

/// <summary><c>GET|POST /connect/userinfo</c> (OpenID Connect Core §5.3): what the user's account tells the holder of an access token.</summary>
internal sealed class UserInfoEndpoint(
    AccessTokens tokens, UserInfoStore users, UserClaims claims, IdTokens idTokens, DpopProofs proofs, CurrentConfiguration configuration, RequestLimits limits, Pulse pulse, DatabaseGate database)
{
    public async Task HandleAsync(HttpContext http)
    {
        if (limits.Refuse(Limit.Token, http) is { } tooMany)
        {
            await OAuthAnswer.WriteAsync(http, tooMany);
            return;
        }
        var presented = await PresentedToken.ReadAsync(http);
        if (presented.IsRefused)
        {
            await RefuseAsync(http, presented.Error);
            return;
        }
        // Not knowing what other nodes revoked, any answer would be a guess.
        if (!pulse.IsFresh)
        {
            await RefuseAsync(http, Errors.Unavailable);
            return;
        }
        if (tokens.FindLive(presented.Value.Text) is not { } token)
        {
            await RefuseAsync(http, Errors.AccessTokenRefused, presented.Value.IsDpop);
            return;
        }
        if (await proofs.RefuseUseAsync(http, Routes.UserInfo, presented.Value.Text, token, presented.Value.IsDpop) is { } unproved)
        {
            await RefuseAsync(http, unproved, presented.Value.IsDpop);
            return;
        }
        if (!ScopeSet.TryParse(token.Scope ?? "", out var scopes) || !scopes.Contains(Scopes.OpenId))
        {
            await RefuseAsync(http, Errors.OpenIdScopeMissing, presented.Value.IsDpop);
            return;
        }
        using var place = database.TryEnter();
        if (place.IsRefused)
        {
            await RefuseAsync(http, Errors.Busy);
            return;
        }
        // The account may have been switched off, or the client gone, since the token was issued.
        if (AccessTokens.GrantOf(token) is not { } grantId || configuration.Value.FindClient(token.ClientId ?? "") is not { IsDisabled: false } client
            || await users.FindAsync(grantId, http.Deadline()).WithinDeadline(http) is not { } found)
        {
            await RefuseAsync(http, Errors.AccessTokenRefused);
            return;
        }
        await WriteAsync(http, client, token, found.User, UserClaims.Wanted(scopes, GrantDetails.Parse(found.Details).UserInfoClaims));
    }

    private Task WriteAsync(HttpContext http, Client client, JwtClaims token, UserProfile user, HashSet<string> wanted)
    {
        void Write(Utf8JsonWriter json)
        {
            json.WriteString(ClaimNames.Subject, token.Subject);
            claims.Write(json, user, wanted);
        }

        if (client.Metadata.UserinfoSignedResponseAlg is not { } algorithm)
            return OAuthAnswer.WriteAsync(http, StatusCodes.Status200OK, (Action<Utf8JsonWriter>)Write, static (json, write) => write(json));
        http.Response.Headers.CacheControl = "no-store";
        http.Response.ContentType = "application/jwt";
        return http.Response.WriteAsync(idTokens.SignUserInfo(client, algorithm, Write), http.RequestAborted);
    }

    /// <summary>RFC 6750 §3, RFC 9449 §7.1: the challenge tells the error, but to one who brought no token.</summary>
    private Task RefuseAsync(HttpContext http, OAuthError error, bool isDpop = false)
    {
        var scheme = isDpop || error == Errors.TokenIsBound ? proofs.Challenge : "Bearer realm=\"IdentityServer\"";
        if (error == Errors.AccessTokenMissing)
            http.Response.Headers.WWWAuthenticate = scheme;
        else if ((int)error.Status < 500)
            http.Response.Headers.WWWAuthenticate = $"{scheme}, error=\"{error.Code}\", error_description=\"{error.Description}\""
                + (error == Errors.OpenIdScopeMissing ? $", scope=\"{Scopes.OpenId}\"" : "");
        return OAuthAnswer.WriteAsync(http, error);
    }
}
