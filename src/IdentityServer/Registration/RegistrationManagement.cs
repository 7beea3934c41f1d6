using System.Security.Cryptography;
using IdentityServer.Audit;
using IdentityServer.Configuration;
using IdentityServer.Http;
using IdentityServer.Limits;
using IdentityServer.Passwords;
using IdentityServer.Protocol;
using IdentityServer.Settings;
using IdentityServer.Storage;
using IdentityServer.Tokens;
using Microsoft.EntityFrameworkCore;
using Postgres;

namespace IdentityServer.Registration;

/// <summary>
/// <c>GET</c>, <c>PUT</c> and <c>DELETE /connect/register/{client_id}</c> (RFC 7592 §2): a client looks at what it registered,
/// replaces it, or takes itself away. A client that is unknown or gone answers like a wrong token.
/// </summary>
internal sealed class RegistrationManagement(
    ClientDescriptionReader descriptions, ClientSecrets secrets, RequestLimits limits, DatabaseGate database, IssuerSettings issuer, Pulse pulse, TimeProvider time)
{
    public Task ReadAsync(HttpContext http) => HandleAsync(http, (_, row, token) => new(new RegisteredClient(row, null, token)));

    public Task ReplaceAsync(HttpContext http) => HandleAsync(http, ReplaceAsync);

    public Task RemoveAsync(HttpContext http) => HandleAsync(http, RemoveAsync);

    private async Task HandleAsync(HttpContext http, Func<HttpContext, ClientRow, string, ValueTask<Result<RegisteredClient>>> act)
    {
        if (limits.Refuse(Limit.ClientRegistration, http) is { } tooMany)
        {
            await OAuthAnswer.WriteAsync(http, tooMany);
            return;
        }
        using var place = database.TryEnter();
        if (place.IsRefused)
        {
            await OAuthAnswer.WriteAsync(http, Errors.Busy);
            return;
        }
        if (RegistrationTokens.Read(http) is not { } token || await FindAsync(http, token) is not { } row)
        {
            await RegistrationAnswer.RefuseAsync(http, Errors.RegistrationTokenRefused);
            return;
        }
        var result = await act(http, row, token);
        if (!result.IsRefused && http.Request.Method == HttpMethods.Delete)
        {
            http.Response.StatusCode = StatusCodes.Status204NoContent;
            http.Response.Headers.CacheControl = "no-store";
            return;
        }
        await RegistrationAnswer.WriteAsync(http, result, StatusCodes.Status200OK, issuer);
    }

    /// <summary>The row that the token opens, to be changed.</summary>
    private static async Task<ClientRow?> FindAsync(HttpContext http, string token)
    {
        var clientId = (string)http.Request.RouteValues["client_id"]!;
        if (clientId.Contains('\0', StringComparison.Ordinal))
            return null;
        var db = http.RequestServices.GetRequiredService<AuthDb>();
        var row = await db.Clients.SingleOrDefaultAsync(client => client.ClientId == clientId && client.RegisteredAt != null, http.RequestAborted);
        return row?.RegistrationTokenHash is { } hash && CryptographicOperations.FixedTimeEquals(hash, RegistrationTokens.HashOf(token)) ? row : null;
    }

    /// <summary>RFC 7592 §2.2: what is left out is gone. Name and secret stay, unless the client comes to need a secret or to do without.</summary>
    private async ValueTask<Result<RegisteredClient>> ReplaceAsync(HttpContext http, ClientRow row, string token)
    {
        var (document, fault) = await JsonRequest.ReadAsync(http);
        if (fault != JsonFault.None)
            return RegistrationAnswer.ErrorOf(fault);
        using var body = document!;
        var members = new MetadataMembers(body.RootElement);
        if (members.Text(Parameters.ClientId) != row.ClientId)
            return Errors.AnotherClientId;
        if (members.Has(Parameters.ClientSecret) && !await IsSecretAsync(row, members, http.RequestAborted))
            return Errors.AnotherClientSecret;
        var described = descriptions.Read(body.RootElement);
        if (described.IsRefused)
            return described.Error;

        string? secret = null;
        if (!TokenEndpointAuthMethods.HasSecret(described.Value.AuthMethod))
            row.SecretHashes = [];
        else if (row.SecretHashes.Length == 0)
        {
            secret = RegistrationTokens.Create();
            if (await secrets.TryHashAsync(secret, http.RequestAborted) is not { } hash)
                return Errors.Busy;
            row.SecretHashes = [hash];
        }
        described.Value.WriteTo(row);
        if (!await TrySaveAsync(http, row))
            return Errors.RegistrationTokenRefused;
        await pulse.NextBeatAsync();
        return new RegisteredClient(row, secret, token);
    }

    private async ValueTask<bool> IsSecretAsync(ClientRow row, MetadataMembers members, CancellationToken cancellation)
    {
        if (members.Text(Parameters.ClientSecret, ClientSecrets.MaximumLength) is not { } secret)
            return false;
        var client = new Client(row.ClientId, row.Name, row.AuthMethod, row.SecretHashes, [], ScopeSet.Empty, [], null, IsDisabled: false);
        return await secrets.CheckAsync(client, secret, cancellation) == SecretOutcome.Right;
    }

    private async Task<bool> TrySaveAsync(HttpContext http, ClientRow row)
    {
        var db = http.RequestServices.GetRequiredService<AuthDb>();
        await using var transaction = await db.Database.BeginTransactionAsync(http.RequestAborted);
        // Locked by the same row as other changes; a client that was taken away meanwhile is not there any more.
        await ConfigurationReader.AnnounceAsync(db, http.RequestAborted);
        if (!await db.Clients.AsNoTracking().AnyAsync(client => client.ClientId == row.ClientId, http.RequestAborted))
            return false;
        db.AuditEvents.Add(RegistrationAnswer.Audited(http, row, AuditEvents.ClientChanged, time.GetUtcNow()));
        await db.SaveChangesAsync(http.RequestAborted);
        await transaction.CommitAsync(http.RequestAborted);
        return true;
    }

    /// <summary>RFC 7592 §2.3: its grants and tokens end with it. Who hangs up has taken it away all the same.</summary>
    private async ValueTask<Result<RegisteredClient>> RemoveAsync(HttpContext http, ClientRow row, string token)
    {
        var db = http.RequestServices.GetRequiredService<AuthDb>();
        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        if (await db.Clients.Where(client => client.ClientId == row.ClientId).ExecuteDeleteAsync(CancellationToken.None) == 0)
            return Errors.RegistrationTokenRefused;
        db.ChangeTracker.Clear();
        var now = time.GetUtcNow();
        await ClientEnding.EndAsync(db, [row.ClientId], now, CancellationToken.None, since: row.RegisteredAt);
        db.AuditEvents.Add(RegistrationAnswer.Audited(http, row, AuditEvents.ClientRemoved, now));
        await db.SaveChangesAsync(CancellationToken.None);
        await ConfigurationReader.AnnounceAsync(db, CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
        await pulse.NextBeatAsync();
        return new RegisteredClient(row, null, token);
    }
}
