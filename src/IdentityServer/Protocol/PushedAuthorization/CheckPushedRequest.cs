using IdentityServer.Clients;
using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.PushedAuthorization;

/// <summary>Checks a pushed request as the authorization endpoint would (RFC 9126 §2.1, step 3).</summary>
internal sealed class CheckPushedRequest(CurrentConfiguration configuration) : IOpenIddictServerHandler<ValidatePushedAuthorizationRequestContext>
{
    public ValueTask HandleAsync(ValidatePushedAuthorizationRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        var read = Read(request);
        if (read.IsRefused)
            request.Refuse(context, read.Error);
        else
            request.Keep(read.Value);
        return default;
    }

    private Result<AuthorizationRequest> Read(ProtocolRequest request)
    {
        // FAPI 2.0 Security Profile §5.3.2.2: a pushed request must include redirect_uri; the registration provides no default.
        if (request.Parameters[Parameters.RedirectUri] is null)
            return Errors.RedirectUriMissing;
        var target = AuthorizationTarget.Find(request.Client, request.Parameters);
        return target.IsRefused ? target.Error : AuthorizationRequestReader.Read(configuration.Value, target.Value, request.Parameters);
    }
}
