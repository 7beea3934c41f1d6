using Hosting;
using IdentityServer.Audit;
using IdentityServer.ClientAuthentication;
using IdentityServer.Configuration;
using IdentityServer.Discovery;
using IdentityServer.Dpop;
using IdentityServer.Http;
using IdentityServer.Limits;
using IdentityServer.Protocol;
using IdentityServer.Telemetry;
using IdentityServer.Token.Grants;
using Postgres;

namespace IdentityServer.Token;

/// <summary><c>POST /connect/token</c>: the story of a token request, in its order (RFC 6749 §3.2).</summary>
internal sealed class TokenEndpoint(
    ClientAuthenticator clients, GrantCatalogue grants, DpopProofs proofs, CurrentConfiguration configuration, DatabaseGate database, RequestLimits limits, ServerMetrics metrics)
{
    public async Task HandleAsync(HttpContext http)
    {
        var answer = await AnswerAsync(http);
        await (answer.IsRefused ? OAuthAnswer.WriteAsync(http, answer.Error) : answer.Value.WriteAsync(http));
    }

    private async ValueTask<Result<TokenResponse>> AnswerAsync(HttpContext http)
    {
        if (limits.Refuse(Limit.Token, http) is { } tooMany)
            return tooMany;

        var parameters = await OAuthForm.ReadAsync(http);
        if (parameters.IsRefused)
            return parameters.Error;

        var proven = await clients.ProveAsync(http, parameters.Value);
        if (proven.IsRefused)
            return proven.Error;
        var client = proven.Value.Client;

        var grantType = parameters.Value[Parameters.GrantType];
        if (grantType is null)
            return Errors.GrantTypeMissing;
        if (grants.Find(grantType) is not { } grant)
            return Errors.GrantTypeUnknown;
        if (!client.MayUse(grantType))
            return Errors.GrantTypeNotAllowed;

        var resources = ResourceIndicators.Read(parameters.Value, client, configuration.Value);
        if (resources.IsRefused)
            return resources.Error;

        var proof = await proofs.ReadAsync(http, Routes.Token);
        if (proof.IsRefused)
            return proof.Error;
        // RFC 9449 §5.2
        if (proof.Proof is null && client.Metadata.DpopBoundAccessTokens == true)
            return Errors.DpopProofLeftOut;
        // RFC 9449 §8: who was told a nonce sends the same form again, its client assertion too.
        if (await clients.TryUseAsync(proven.Value, http.Deadline()).WithinDeadline(http) is { } used)
            return used;

        var request = new TokenRequest(client, parameters.Value, Caller.AddressOf(http), http.RequestAborted) { DpopThumbprint = proof.Thumbprint, Resources = resources.Value };
        // These need no database, or queue for a hash before they come to it.
        if (grantType is GrantTypes.ClientCredentials or GrantTypes.TokenExchange or GrantTypes.Password)
            return metrics.Granted(grantType, await HandleAsync(http, grant, request));
        using var place = database.TryEnter();
        return metrics.Granted(grantType, place.IsRefused ? Errors.Busy : await HandleAsync(http, grant, request));
    }

    /// <summary>What a grant has begun may go on past the deadline, and the caller is told to come back.</summary>
    private static ValueTask<Result<TokenResponse>> HandleAsync(HttpContext http, IGrant grant, TokenRequest request) =>
        grant.HandleAsync(request).WithinDeadline(http);
}
