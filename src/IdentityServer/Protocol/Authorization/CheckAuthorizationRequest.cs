using IdentityServer.Clients;
using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Authorization;

/// <summary>Checks the request against the client's registration.</summary>
internal sealed class CheckAuthorizationRequest(CurrentConfiguration configuration, PushedRequestSettings pushing, WantedUser wanted) : IOpenIddictServerHandler<ValidateAuthorizationRequestContext>
{
    public ValueTask HandleAsync(ValidateAuthorizationRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        var state = request.Find<AuthorizationState>()!;
        // OpenIddict has not seen a redirect URI that was pushed or is the default.
        context.SetRedirectUri(state.Target!.RedirectUri);
        var read = Read(state.Target, request.Parameters, state.Pushed);
        if (read.IsRefused)
            request.Refuse(context, read.Error);
        else
            state.Request = read.Value;
        return default;
    }

    private Result<AuthorizationRequest> Read(AuthorizationTarget target, OAuthParameters parameters, PushedRequest? pushed)
    {
        if (pushed is null && (pushing.IsRequired || target.Client.Metadata.RequirePushedAuthorizationRequests == true))
            return Errors.PushRequired;
        var request = AuthorizationRequestReader.Read(configuration.Value, target, parameters);
        if (request.IsRefused)
            return request;
        var form = pushed is null ? parameters.ToForm(Reauthentication.Marker) : pushed.Form;
        if (form.Length > AuthorizationRequestReader.MaximumLength)
            return Errors.AuthorizationTooLong;
        if (wanted.SubjectOf(request.Value).IsRefused)
            return Errors.IdTokenHintRefused;
        return pushed is null
            ? request.Value with { Form = form }
            : request.Value with { Form = form, PushedRequestId = pushed.Id, DpopThumbprint = pushed.DpopThumbprint };
    }
}
