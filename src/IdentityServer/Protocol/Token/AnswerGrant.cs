using System.Security.Claims;
using IdentityServer.Audit;
using IdentityServer.Protocol.Pipeline;
using IdentityServer.Protocol.Token.Grants;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Telemetry;
using OpenIddict.Server;
using ServiceDefaults;
using ServiceDefaults.Storage;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Token;

/// <summary>Spends what the client presents; the grant says what it has earned. Behind this nothing is refused.</summary>
internal sealed class AnswerGrant(GrantCatalogue grants, DatabaseGate database, ServerMetrics metrics) : IOpenIddictServerHandler<HandleTokenRequestContext>
{
    // OpenIddict asks for a principal before it issues tokens; who they are for, the issuance says.
    private static readonly ClaimsPrincipal Earner = new(new ClaimsIdentity("IdentityServer"));

    public async ValueTask HandleAsync(HandleTokenRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        var grantType = context.Request.GrantType!;
        var answer = metrics.Granted(grantType, await AnswerAsync(request, grantType));
        if (answer.IsRefused)
        {
            request.Refuse(context, answer.Error);
            return;
        }
        request.Issuance = answer.Value;
        context.SignIn(Earner);
    }

    private async ValueTask<Result<Issuance>> AnswerAsync(ProtocolRequest request, string grantType)
    {
        var grant = grants.Find(grantType);
        var presented = new TokenRequest(request.Client, request.Parameters, Caller.AddressOf(request.Http), request.Http.RequestAborted)
        {
            DpopThumbprint = request.DpopThumbprint,
            CertificateThumbprint = request.CertificateThumbprint,
            Resources = request.Resources,
        };
        // These need no database, or queue for a hash before they come to it.
        if (grantType is GrantTypes.ClientCredentials or GrantTypes.TokenExchange or GrantTypes.Password)
            return await grant.HandleAsync(presented).WithinDeadline(request.Http);
        using var place = database.TryEnter();
        // What a grant has begun may go on past the deadline, and the caller is told to come back.
        return place.IsRefused ? Errors.Busy : await grant.HandleAsync(presented).WithinDeadline(request.Http);
    }
}
