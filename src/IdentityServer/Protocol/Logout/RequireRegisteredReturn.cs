using IdentityServer.Clients;
using IdentityServer.Protocol.Jwt;
using IdentityServer.Protocol.Pipeline;
using IdentityServer.Protocol.Tokens;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Logout;

/// <summary>The hint must be one of our ID tokens, and the return address registered for the client that asks (RP-Initiated Logout §2, §3).</summary>
internal sealed class RequireRegisteredReturn(CurrentConfiguration configuration, IdTokens idTokens) : IOpenIddictServerHandler<ValidateEndSessionRequestContext>
{
    /// <summary>The most octets of parameters. They must fit into a request line, because a post may be repeated as GET.</summary>
    private const int MaximumLength = 6 * 1024;

    public ValueTask HandleAsync(ValidateEndSessionRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        var asked = Check(request.Parameters);
        if (asked.IsRefused)
            request.Refuse(context, asked.Error);
        else
            request.Keep(asked.Value);
        return default;
    }

    /// <summary>The same for what our page passed on.</summary>
    public Result<EndSessionRequest> Check(OAuthParameters parameters)
    {
        if (EndSessionRequest.Write(parameters).Length > MaximumLength)
            return Errors.LogoutTooLong;

        JwtClaims? hint = null;
        var clientId = parameters[Parameters.ClientId];
        if (parameters[Parameters.IdTokenHint] is { } token)
        {
            // §2: accepted even if expired, since it only identifies a session and lets nobody in.
            hint = idTokens.FindGenuine(token);
            if (hint is null || hint.Audience.Count == 0)
                return Errors.LogoutHintRefused;
            if (clientId is not null && clientId != hint.Audience[0])
                return Errors.LogoutClientsDiffer;
            clientId = hint.Audience[0];
        }

        Client? client = null;
        if (clientId is not null)
        {
            client = configuration.Value.FindClient(clientId);
            if (client is null or { IsDisabled: true })
                return Errors.LogoutClientUnknown;
        }

        var redirectUri = parameters[Parameters.PostLogoutRedirectUri];
        if (redirectUri is not null)
        {
            if (client is null)
                return Errors.LogoutRedirectWithoutClient;
            // RP-Initiated Logout §3.1: exact, by simple string comparison.
            if (client.Metadata.PostLogoutRedirectUris is not { } registered || Array.IndexOf(registered, redirectUri) < 0)
                return Errors.LogoutRedirectUnregistered;
        }
        return new EndSessionRequest(client, hint, redirectUri, redirectUri is null ? null : parameters[Parameters.State]);
    }
}
