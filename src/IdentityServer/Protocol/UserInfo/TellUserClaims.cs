using System.Text.Json;
using IdentityServer.Clients;
using IdentityServer.Http;
using IdentityServer.Protocol.Jwt;
using IdentityServer.Protocol.Pipeline;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Storage;
using OpenIddict.Server;
using ServiceDefaults;
using ServiceDefaults.Storage;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.UserInfo;

/// <summary>
/// Returns the claims that the token's scopes and the authorization request ask for (OpenID Connect Core §5.3.2), signed
/// if the client registered for that. Written straight from the row to UTF-8, because OpenIddict drops empty values.
/// </summary>
internal sealed class TellUserClaims(
    UserInfoStore users, UserClaims claims, IdTokens idTokens, CurrentConfiguration configuration, DatabaseGate database) : IOpenIddictServerHandler<HandleUserInfoRequestContext>
{
    public async ValueTask HandleAsync(HandleUserInfoRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        var (http, token) = (request.Http, request.TokenClaims!);
        using var place = database.TryEnter();
        if (place.IsRefused)
            request.Refuse(context, Errors.Busy);
        // The account may have been disabled, or the client removed, since the token was issued.
        else if (AccessTokenVerifier.GrantOf(token) is not { } grantId || configuration.Value.FindClient(token.ClientId ?? "") is not { IsDisabled: false } client
            || await users.FindAsync(grantId, http.Deadline()).WithinDeadline(http) is not { } found)
            request.Refuse(context, Errors.AccessTokenRefused);
        else
        {
            await WriteAsync(http, client, token, found);
            context.HandleRequest();
        }
    }

    private Task WriteAsync(HttpContext httpContext, Client client, JwtClaims token, UserInfoState found)
    {
        var wanted = UserClaims.Wanted(ScopeSet.Of(token.Scope!.Split(' ')), GrantDetails.Parse(found.Details).UserInfoClaims);
        void Write(Utf8JsonWriter json)
        {
            json.WriteString(ClaimNames.Subject, token.Subject);
            claims.Write(json, found.User, wanted);
        }

        if (client.Metadata.UserinfoSignedResponseAlg is not { } algorithm)
            return OAuthAnswer.WriteAsync(httpContext, StatusCodes.Status200OK, (Action<Utf8JsonWriter>)Write, static (json, write) => write(json));
        httpContext.Response.Headers.CacheControl = "no-store";
        httpContext.Response.ContentType = "application/jwt";
        return httpContext.Response.WriteAsync(idTokens.SignUserInfo(client, algorithm, Write), httpContext.RequestAborted);
    }
}
