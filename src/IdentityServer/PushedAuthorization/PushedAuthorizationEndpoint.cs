using Hosting;
using IdentityServer.AuthorizationRequests;
using IdentityServer.ClientAuthentication;
using IdentityServer.Configuration;
using IdentityServer.Discovery;
using IdentityServer.Dpop;
using IdentityServer.Http;
using IdentityServer.Limits;
using IdentityServer.Protocol;
using IdentityServer.Settings;
using Postgres;

namespace IdentityServer.PushedAuthorization;

/// <summary>
/// <c>POST /connect/par</c> (RFC 9126 §2): the client says its authorization request to us directly, authenticated as at the
/// token endpoint, and sends the browser with a reference. The request is checked here as it will be there.
/// </summary>
internal sealed class PushedAuthorizationEndpoint(
    ClientAuthenticator clients, DpopProofs proofs, PushedRequests requests, RefusedRequests refusals, CurrentConfiguration configuration, PushedRequestSettings settings,
    DatabaseGate database, RequestLimits limits)
{
    public async Task HandleAsync(HttpContext http)
    {
        var answer = await AnswerAsync(http);
        await (answer.IsRefused
            ? OAuthAnswer.WriteAsync(http, answer.Error)
            : OAuthAnswer.WriteAsync(http, StatusCodes.Status201Created, answer.Value, (json, requestUri) =>
            {
                json.WriteString(Parameters.RequestUri, requestUri);
                json.WriteNumber(Parameters.ExpiresIn, (int)settings.Lifetime.TotalSeconds);
            }));
    }

    /// <summary>The <c>request_uri</c>.</summary>
    private async ValueTask<Result<string>> AnswerAsync(HttpContext http)
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
        // Whoever knows the name of a public client may push, and each push is stored.
        if (client.IsPublic && limits.Refuse(Limit.Push, http) is { } tooManyPushed)
            return tooManyPushed;
        var request = ReadRequest(client, parameters.Value);
        if (request.IsRefused)
        {
            refusals.Note(client, request.Error);
            return request.Error;
        }
        // RFC 9449 §10.1: the key may be proved instead of named, and both must be the same.
        var proof = await proofs.ReadAsync(http, Routes.PushedAuthorization);
        if (proof.IsRefused)
            return proof.Error;
        var thumbprint = request.Value.DpopThumbprint ?? proof.Thumbprint;
        if (proof.Thumbprint is not null && proof.Thumbprint != thumbprint)
            return Errors.DpopKeyOfRequestDiffers;
        // After a nonce was told, as at the token endpoint.
        if (await clients.TryUseAsync(proven.Value, http.Deadline()).WithinDeadline(http) is { } used)
            return used;

        using var place = database.TryEnter();
        if (place.IsRefused)
            return Errors.Busy;
        return await requests.AddAsync(client, parameters.Value, thumbprint, http.Deadline()).WithinDeadline(http);
    }

    private Result<AuthorizationRequest> ReadRequest(Client client, OAuthParameters parameters)
    {
        if (parameters[Parameters.RequestUri] is not null)
            return Errors.RequestUriPushed;
        // FAPI 2.0 Security Profile §5.3.2.2: whoever pushes says where the answer goes; no registration says it in its place.
        if (parameters[Parameters.RedirectUri] is null)
            return Errors.RedirectUriMissing;
        var target = AuthorizationTarget.Find(client, parameters);
        return target.IsRefused ? target.Error : AuthorizationRequestReader.Read(configuration.Value, target.Value, parameters);
    }
}
