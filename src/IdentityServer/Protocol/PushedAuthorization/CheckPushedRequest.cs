using IdentityServer.Clients;
using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.PushedAuthorization;

/// <summary>Holds a pushed request to what the authorization endpoint will hold it to (RFC 9126 §2.1, step 3).</summary>
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
        // FAPI 2.0 Security Profile §5.3.2.2: whoever pushes says where the answer goes; no registration says it in its place.
        if (request.Parameters[Parameters.RedirectUri] is null)
            return Errors.RedirectUriMissing;
        var target = AuthorizationTarget.Find(request.Client, request.Parameters);
        return target.IsRefused ? target.Error : AuthorizationRequestReader.Read(configuration.Value, target.Value, request.Parameters);
    }
}
