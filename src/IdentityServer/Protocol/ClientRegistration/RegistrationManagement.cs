using System.Security.Cryptography;
using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Http;
using IdentityServer.Limits;
using IdentityServer.Protocol.ClientDescriptions;
using IdentityServer.Settings;
using IdentityServer.Storage;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using ServiceDefaults.Http;
using ServiceDefaults.Storage;

namespace IdentityServer.Protocol.ClientRegistration;

/// <summary>
/// <c>GET</c>, <c>PUT</c> and <c>DELETE /connect/register/{client_id}</c> (RFC 7592 §2): a client looks at what it registered,
/// replaces it, or takes itself away. A client that is unknown or gone answers like a wrong token.
/// </summary>
internal sealed class RegistrationManagement(
    RegistrationReader descriptions, ClientSecrets secrets, RequestLimits limits, DatabaseGate database, IssuerSettings issuer, Pulse pulse, TimeProvider timeProvider)
{
    public Task ReadAsync(HttpContext httpContext) => HandleAsync(httpContext, (_, row, token) => new(new RegisteredClient(row, null, token)));

    public Task ReplaceAsync(HttpContext httpContext) => HandleAsync(httpContext, ReplaceAsync);

    public Task RemoveAsync(HttpContext httpContext) => HandleAsync(httpContext, RemoveAsync);

    private async Task HandleAsync(HttpContext httpContext, Func<HttpContext, ClientRow, string, ValueTask<Result<RegisteredClient>>> act)
    {
        if (limits.Refuse(Limit.ClientRegistration, httpContext) is { } tooMany)
        {
            await OAuthAnswer.WriteAsync(httpContext, tooMany);
            return;
        }
        using var place = database.TryEnter();
        if (place.IsRefused)
        {
            await OAuthAnswer.WriteAsync(httpContext, Errors.Busy);
            return;
        }
        if (RegistrationTokens.Read(httpContext) is not { } token || await FindAsync(httpContext, token) is not { } row)
        {
            await RegistrationAnswer.RefuseAsync(httpContext, Errors.RegistrationTokenRefused);
            return;
        }
        var result = await act(httpContext, row, token);
        if (!result.IsRefused && httpContext.Request.Method == HttpMethods.Delete)
        {
            httpContext.Response.StatusCode = StatusCodes.Status204NoContent;
            httpContext.Response.Headers.CacheControl = "no-store";
            return;
        }
        await RegistrationAnswer.WriteAsync(httpContext, result, StatusCodes.Status200OK, issuer);
    }

    /// <summary>The row that the token opens.</summary>
    private static async Task<ClientRow?> FindAsync(HttpContext httpContext, string token)
    {
        var clientId = (string)httpContext.Request.RouteValues["client_id"]!;
        if (clientId.Contains('\0', StringComparison.Ordinal))
            return null;
        var row = await httpContext.InOwnScopeAsync((services, deadline) => services.GetRequiredService<AuthDb>().Clients.AsNoTracking()
            .SingleOrDefaultAsync(client => client.ClientId == clientId && client.RegisteredAt != null, deadline));
        return row?.RegistrationTokenHash is { } hash && CryptographicOperations.FixedTimeEquals(hash, RegistrationTokens.HashOf(token)) ? row : null;
    }

    /// <summary>RFC 7592 §2.2: what is left out is gone. Name and secret stay, unless the client comes to need a secret or to do without.</summary>
    private async ValueTask<Result<RegisteredClient>> ReplaceAsync(HttpContext httpContext, ClientRow row, string token)
    {
        var (body, fault) = await JsonBody.ReadAsync(httpContext);
        if (body is null)
            return RegistrationAnswer.ErrorOf(fault);
        using var read = body;
        var members = new Node(body.Root, "$").Registration();
        if (members.Find(Parameters.ClientId)?.TryText(ClientSecrets.MaximumLength) != row.ClientId)
            return Errors.AnotherClientId;
        if (members.Find(Parameters.ClientSecret) is { } said && !await IsSecretAsync(row, said, httpContext.RequestAborted))
            return Errors.AnotherClientSecret;
        var described = descriptions.Read(body.Root);
        if (described.IsRefused)
            return described.Error;
        var description = described.Value;
        // One that has no scope is told none. When it sends that back, it does not mean all that there are.
        if (row.Scopes.Length == 0 && members.Find(Parameters.Scope) is null)
            description = description with { Scopes = ScopeSet.Empty };

        string? secret = null;
        if (!TokenEndpointAuthMethods.HasSecret(description.AuthMethod))
            row.SecretHashes = [];
        else if (row.SecretHashes.Length == 0)
        {
            secret = RegistrationTokens.Create();
            if (await secrets.TryHashAsync(secret, httpContext.RequestAborted) is not { } hash)
                return Errors.Busy;
            row.SecretHashes = [hash];
        }
        description.WriteTo(row);
        var audited = RegistrationAnswer.Audited(httpContext, row, AuditEvents.ClientChanged, timeProvider.GetUtcNow());
        try
        {
            if (!await httpContext.InOwnScopeAsync((services, deadline) => TrySaveAsync(services.GetRequiredService<AuthDb>(), services.GetRequiredService<ApplicationManager>(), row, description, audited, deadline)))
                return Errors.RegistrationTokenRefused;
        }
        catch (OpenIddictExceptions.ValidationException)
        {
            return Errors.RedirectUrisMalformed;
        }
        await pulse.FollowAsync();
        return new RegisteredClient(row, secret, token);
    }

    private async ValueTask<bool> IsSecretAsync(ClientRow row, Node said, CancellationToken cancellationToken)
    {
        if (said.TryText(ClientSecrets.MaximumLength) is not { } secret)
            return false;
        var client = new Client(row.ClientId, row.Name, row.AuthMethod, row.SecretHashes, [], ScopeSet.Empty, [], null, IsDisabled: false);
        return await secrets.CheckAsync(client, secret, cancellationToken) == SecretOutcome.Right;
    }

    private static async Task<bool> TrySaveAsync(AuthDb db, ApplicationManager clients, ClientRow changed, ClientDescription described, AuditEventRow audited, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        // Locked by the same row as other changes; a client that was taken away meanwhile is not there any more.
        await ConfigurationRows.AnnounceAsync(db, cancellationToken);
        if (!await clients.TryChangeAsync(changed.ClientId, WriteTo, cancellationToken))
            return false;
        db.AuditEvents.Add(audited);
        await db.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(CancellationToken.None);
        return true;

        void WriteTo(ClientRow row)
        {
            described.WriteTo(row);
            row.SecretHashes = changed.SecretHashes;
        }
    }

    /// <summary>RFC 7592 §2.3: its grants and tokens end with it. Who hangs up, or was told to come back, has taken it away all the same.</summary>
    private async ValueTask<Result<RegisteredClient>> RemoveAsync(HttpContext httpContext, ClientRow row, string token)
    {
        var audited = RegistrationAnswer.Audited(httpContext, row, AuditEvents.ClientRemoved, timeProvider.GetUtcNow());
        if (!await httpContext.InOwnScopeAsync((services, _) => TryRemoveAsync(services.GetRequiredService<AuthDb>(), services.GetRequiredService<ApplicationManager>(), row, audited)))
            return Errors.RegistrationTokenRefused;
        await pulse.FollowAsync();
        return new RegisteredClient(row, null, token);
    }

    private async Task<bool> TryRemoveAsync(AuthDb db, ApplicationManager clients, ClientRow row, AuditEventRow audited)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        if (!await clients.TryRemoveAsync(row.ClientId, CancellationToken.None))
            return false;
        // Once nobody holds the row any more: what it was given until then ends too.
        audited.At = timeProvider.GetUtcNow();
        await ClientEnding.EndAsync(db, [row.ClientId], audited.At, CancellationToken.None, since: row.RegisteredAt);
        db.AuditEvents.Add(audited);
        await db.SaveChangesAsync(CancellationToken.None);
        await ConfigurationRows.AnnounceAsync(db, CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
        return true;
    }
}
