using IdentityServer.Clients;
using IdentityServer.Http;
using IdentityServer.Limits;
using IdentityServer.Protocol.ClientAuthentication;
using IdentityServer.Protocol.Pipeline;
using IdentityServer.Protocol.Tokens;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.TokenEndpoint;

/// <summary>
/// Answers a plain token request right away: client_credentials or refresh_token, the client by its secret or public, no DPoP, no
/// resource. It uses what the pipeline uses and leaves out OpenIddict's events, a seventh of the request's CPU. Only success is answered here.
/// Anything else goes on to the pipeline, which alone refuses and explains; what was read, proven or spent so far is kept with the request, so
/// that nothing happens twice.
/// </summary>
internal sealed class AnswerPlainRequest(
    FastPathSettings settings, MutualTlsSettings mutualTls, RequestLimits limits, ClientAuthenticator clients, AnswerGrant grants, AccessTokenWriter accessTokens, IdTokens idTokens)
    : IOpenIddictServerHandler<ProcessRequestContext>
{
    // A client certificate may authenticate a client or bind a token.
    private readonly bool _isEnabled = settings.IsEnabled && !mutualTls.IsEnabled;

    public ValueTask HandleAsync(ProcessRequestContext context) =>
        _isEnabled && context.EndpointType == OpenIddictServerEndpointType.Token ? AnswerAsync(context) : default;

    private async ValueTask AnswerAsync(ProcessRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        var httpContext = request.Http;
        if (httpContext.Request.QueryString.HasValue || httpContext.Request.Headers.ContainsKey("DPoP") || limits.Refuse(Limit.Token, httpContext) is not null)
            return;
        request.IsCounted = true;

        var form = await OAuthForm.ReadAsync(httpContext);
        request.Form = form;
        if (form.IsRefused || !IsPlain(form.Value))
            return;
        var grantType = form.Value[Parameters.GrantType]!;

        var proven = await clients.ProveAsync(httpContext, form.Value, certificate: null);
        request.Proven = proven;
        if (proven.IsRefused || !proven.Value.Client.MayUse(grantType) || NeedsBoundTokens(proven.Value.Client))
            return;
        (request.Client, request.Parameters) = (proven.Value.Client, form.Value);

        var answer = await grants.AnswerAsync(request, grantType);
        request.Answer = answer;
        if (answer.IsRefused)
            return;
        await WriteAsync(httpContext, answer.Value);
        context.HandleRequest();
    }

    private static bool NeedsBoundTokens(Client client) =>
        client.Metadata.DpopBoundAccessTokens == true || client.Metadata.TlsClientCertificateBoundAccessTokens == true;

    private Task WriteAsync(HttpContext httpContext, Issuance issuance)
    {
        var accessToken = accessTokens.IssueAccessToken(issuance);
        var refreshToken = accessTokens.IssueRefreshToken(issuance);
        var idToken = issuance.Authentication is { } authentication ? idTokens.Issue(issuance.Client, authentication, accessToken.Text) : null;
        return OAuthAnswer.WriteAsync(httpContext, StatusCodes.Status200OK, (accessToken, refreshToken, idToken, scope: issuance.Scopes.ToString()), static (json, answer) =>
        {
            // In the order of AttachTokens.
            json.WriteString(Parameters.AccessToken, answer.accessToken.Text);
            json.WriteString("token_type"u8, answer.accessToken.Type);
            json.WriteNumber("expires_in"u8, answer.accessToken.ExpiresIn);
            if (answer.refreshToken is not null)
                json.WriteString(Parameters.RefreshToken, answer.refreshToken);
            if (answer.idToken is not null)
                json.WriteString("id_token"u8, answer.idToken);
            OAuthAnswer.WriteScope(json, answer.scope);
        });
    }

    /// <summary>Whether these are all the parameters that the request needs, and no other.</summary>
    private static bool IsPlain(OAuthParameters parameters)
    {
        var isPlain = parameters.Resources.Count == 0 && parameters[Parameters.GrantType] switch
        {
            GrantTypes.ClientCredentials => true,
            GrantTypes.RefreshToken => parameters[Parameters.RefreshToken] is not null,
            _ => false,
        };
        foreach (var (name, _) in parameters.Present)
            isPlain &= name is Parameters.GrantType or Parameters.Scope or Parameters.RefreshToken or Parameters.ClientId or Parameters.ClientSecret;
        return isPlain;
    }
}
