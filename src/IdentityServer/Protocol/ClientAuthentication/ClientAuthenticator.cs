using System.Security.Cryptography.X509Certificates;
using IdentityServer.Clients;
using IdentityServer.Protocol.Pipeline;
using ServiceDefaults;

namespace IdentityServer.Protocol.ClientAuthentication;

/// <summary>
/// Authenticates the client by exactly one mechanism (RFC 6749 §2.3): <c>client_secret_basic</c>,
/// <c>client_secret_post</c>, <c>private_key_jwt</c>, <c>tls_client_auth</c>, <c>self_signed_tls_client_auth</c>, or for a public client just its <c>client_id</c>.
/// </summary>
internal sealed class ClientAuthenticator(CurrentConfiguration configuration, ClientSecrets secrets, ClientAssertions assertions, IssuedCertificates issued, RegisteredCertificates registered)
{
    public async ValueTask<Result<Client>> AuthenticateAsync(HttpContext httpContext, OAuthParameters parameters)
    {
        var proven = await ProveAsync(httpContext, parameters, certificate: null);
        if (proven.IsRefused)
            return proven.Error;
        return await TryUseAsync(proven.Value, httpContext.Deadline()).WithinDeadline(httpContext) is { } refused ? refused : proven.Value.Client;
    }

    /// <summary>
    /// Authenticates the client without using up its assertion, for an endpoint that may ask for the same request again with a nonce
    /// (RFC 9449 §8). Call <see cref="TryUseAsync"/> before doing anything in the client's name.
    /// </summary>
    /// <param name="certificate">The connection's certificate; null: it has none, or it does not count here.</param>
    public async ValueTask<Result<ProvenClient>> ProveAsync(HttpContext httpContext, OAuthParameters parameters, X509Certificate2? certificate)
    {
        var presented = Read(httpContext, parameters);
        if (presented.IsRefused)
            return presented.Error;
        if (presented.Value.Assertion is { } assertion)
            return await assertions.VerifyAsync(httpContext, assertion, presented.Value.ClientId);
        var (clientId, secret) = (presented.Value.ClientId!, presented.Value.Secret);

        var client = configuration.Value.FindClient(clientId);
        if (client is null || client.IsDisabled)
            return Errors.ClientRefused;
        if (client.IsPublic)
            return secret is null ? new ProvenClient(client) : Errors.ClientRefused;
        if (client.AuthMethod == TokenEndpointAuthMethods.IssuedTls)
            return secret is null && issued.IsIssuedTo(client, certificate) ? new ProvenClient(client) : Errors.ClientRefused;
        if (client.AuthMethod == TokenEndpointAuthMethods.SelfSignedTls)
            return secret is null && registered.IsRegistered(client, certificate) ? new ProvenClient(client) : Errors.ClientRefused;
        if (secret is null)
            return Errors.ClientRefused;
        return await secrets.CheckAsync(client, secret, httpContext.RequestAborted) switch
        {
            SecretOutcome.Right => new ProvenClient(client),
            SecretOutcome.Busy => Errors.Busy,
            _ => Errors.ClientRefused,
        };
    }

    /// <summary>Why the client is refused after all; null: it is authenticated. If an assertion comes more than once, only one request is accepted.</summary>
    public ValueTask<OAuthError?> TryUseAsync(ProvenClient client, CancellationToken cancellationToken) =>
        client.Assertion is { } assertion ? assertions.TryUseAsync(client.Client, assertion, cancellationToken) : default;

    /// <summary>The revocation feed is for confidential clients only.</summary>
    public async ValueTask<Result<Client>> AuthenticateConfidentialAsync(HttpContext httpContext, OAuthParameters parameters)
    {
        var client = await AuthenticateAsync(httpContext, parameters);
        return !client.IsRefused && client.Value.IsPublic ? Errors.PublicClientRefused : client;
    }

    private static Result<PresentedClient> Read(HttpContext httpContext, OAuthParameters parameters)
    {
        var bodyId = parameters[Parameters.ClientId];
        var bodySecret = parameters[Parameters.ClientSecret];
        var header = httpContext.Request.Headers.Authorization;
        if (header.Count > 1)
            return Errors.MalformedBasic;
        if (parameters[Parameters.ClientAssertion] is not null || parameters[Parameters.ClientAssertionType] is not null)
            return header.Count > 0 || bodySecret is not null ? Errors.TwoClientAuthentications : ReadAssertion(parameters, bodyId);
        if (header.Count == 0)
            return bodyId is null ? Errors.ClientMissing : new PresentedClient(bodyId, bodySecret);

        var basic = BasicCredentials.Read(header.ToString());
        if (basic.IsRefused)
            return basic;
        if (bodySecret is not null)
            return Errors.TwoClientAuthentications;
        // The same client_id twice does not count as a second mechanism.
        if (bodyId is not null && bodyId != basic.Value.ClientId)
            return Errors.TwoClientIds;
        return basic;
    }

    /// <summary>RFC 7521 §4.2: <c>client_id</c> is optional beside the assertion.</summary>
    private static Result<PresentedClient> ReadAssertion(OAuthParameters parameters, string? bodyId)
    {
        if (parameters[Parameters.ClientAssertion] is not { } assertion || parameters[Parameters.ClientAssertionType] is not { } type)
            return Errors.AssertionIncomplete;
        return type == ClientAssertions.Type ? new PresentedClient(bodyId, null, assertion) : Errors.AssertionTypeUnknown;
    }
}

/// <summary>What a request claims about its client; not verified yet.</summary>
/// <param name="ClientId">Null only if an assertion names the client instead.</param>
internal sealed record PresentedClient(string? ClientId, string? Secret, string? Assertion = null)
{
    /// <summary>Keeps the secret and the assertion out of messages.</summary>
    public override string ToString() => nameof(PresentedClient);
}
