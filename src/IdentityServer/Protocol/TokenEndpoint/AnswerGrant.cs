using System.Security.Claims;
using IdentityServer.Audit;
using IdentityServer.Protocol.Pipeline;
using IdentityServer.Protocol.TokenEndpoint.Grants;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Telemetry;
using OpenIddict.Server;
using ServiceDefaults;
using ServiceDefaults.Storage;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.TokenEndpoint;

/// <summary>Spends what the client presents, and asks the grant for the tokens to issue. After this nothing is refused.</summary>
internal sealed class AnswerGrant(GrantCatalogue grants, DatabaseGate database, ServerMetrics metrics) : IOpenIddictServerHandler<HandleTokenRequestContext>
{
    // OpenIddict needs a principal before it issues tokens; the real subject is in the issuance.
    private static readonly ClaimsPrincipal Earner = new(new ClaimsIdentity("IdentityServer"));

    public async ValueTask HandleAsync(HandleTokenRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        var grantType = context.Request.GrantType!;
        var answer = request.Answer ?? await AnswerAsync(request, grantType);
        if (answer.IsRefused)
        {
            request.Refuse(context, answer.Error);
            return;
        }
        request.Issuance = answer.Value;
        context.SignIn(Earner);
    }

    /// <summary>The client is authenticated and may use the grant; proof and resources, if any, are read.</summary>
    public async ValueTask<Result<Issuance>> AnswerAsync(ProtocolRequest request, string grantType) =>
        metrics.Granted(grantType, await SpendAsync(request, grantType));

    private async ValueTask<Result<Issuance>> SpendAsync(ProtocolRequest request, string grantType)
    {
        var grant = grants.Find(grantType);
        var presented = new TokenRequest(request.Client, request.Parameters, Caller.AddressOf(request.Http), request.Http.RequestAborted)
        {
            DpopThumbprint = request.DpopThumbprint,
            CertificateThumbprint = request.CertificateThumbprint,
            Resources = request.Resources,
        };
        // These need no database, or wait for a hash before they need it.
        if (grantType is GrantTypes.ClientCredentials or GrantTypes.TokenExchange or GrantTypes.Password)
            return await grant.HandleAsync(presented).WithinDeadline(request.Http);
        using var place = database.TryEnter();
        // The grant may finish what it began after the deadline; the caller is told to retry.
        return place.IsRefused ? Errors.Busy : await grant.HandleAsync(presented).WithinDeadline(request.Http);
    }
}
