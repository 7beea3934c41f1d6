using System.ComponentModel.DataAnnotations;
using System.Runtime.CompilerServices;
using IdentityServer.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Core;

namespace IdentityServer.Clients;

/// <summary>
/// OpenIddict's manager for our table. A client may have several secrets, each stored as Identity's slow hash; registrations by
/// RFC 7591 and manifests pass theirs already hashed.
/// </summary>
internal sealed class ApplicationManager(
    IOpenIddictApplicationCache<ApplicationRow> cache, ILogger<OpenIddictApplicationManager<ApplicationRow>> logger, IOptionsMonitor<OpenIddictCoreOptions> options,
    IOpenIddictApplicationStore<ApplicationRow> store, AuthDb db, ClientSecrets secrets)
    : OpenIddictApplicationManager<ApplicationRow>(cache, logger, options, store)
{
    // Confidential without a secret: it authenticates with keys, and those of a jwks_uri are not in this table.
    private static readonly string WithoutSecret = OpenIddictResources.GetResourceString(OpenIddictResources.ID2113);

    /// <summary>OpenIddict's own method does not accept a hashed secret.</summary>
    public async ValueTask CreateAsync(ClientRow client, CancellationToken cancellationToken)
    {
        var application = new ApplicationRow();
        client.WriteTo(application);
        await foreach (var mistake in ValidateAsync(application, cancellationToken))
            throw new OpenIddictExceptions.ValidationException(mistake.ErrorMessage, [mistake]);
        await Store.CreateAsync(application, cancellationToken);
    }

    /// <param name="change">Applied to the current client; applied again if another writer changed it in the meantime.</param>
    /// <returns>False: the client no longer exists.</returns>
    public ValueTask<bool> TryChangeAsync(string clientId, Action<ClientRow> change, CancellationToken cancellationToken) => TryWriteAsync(
        clientId,
        async application =>
        {
            // Read after the application, whose concurrency token then reveals any change that this read misses.
            if (await db.Clients.AsNoTracking().SingleOrDefaultAsync(one => one.ClientId == clientId, cancellationToken) is not { } client)
                return false;
            change(client);
            client.WriteTo(application);
            await UpdateAsync(application, cancellationToken);
            return true;
        },
        cancellationToken);

    /// <returns>False: the client no longer exists.</returns>
    public ValueTask<bool> TryRemoveAsync(string clientId, CancellationToken cancellationToken) => TryWriteAsync(
        clientId,
        async application =>
        {
            await DeleteAsync(application, cancellationToken);
            return true;
        },
        cancellationToken);

    public override async IAsyncEnumerable<ValidationResult> ValidateAsync(ApplicationRow application, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var mistake in base.ValidateAsync(application, cancellationToken))
        {
            if (mistake.ErrorMessage != WithoutSecret)
                yield return mistake;
        }
    }

    protected override ValueTask<string> ObfuscateClientSecretAsync(string secret, CancellationToken cancellationToken = default) => new(secrets.Hash(secret));

    protected override ValueTask<bool> ValidateClientSecretAsync(string secret, string comparand, CancellationToken cancellationToken = default) =>
        new(comparand.Split(' ').Any(hash => secrets.IsHashOf(hash, secret)));

    /// <summary>Retries if another writer was faster.</summary>
    private async ValueTask<bool> TryWriteAsync(string clientId, Func<ApplicationRow, ValueTask<bool>> write, CancellationToken cancellationToken)
    {
        while (await FindByClientIdAsync(clientId, cancellationToken) is { } application)
        {
            try
            {
                return await write(application);
            }
            catch (OpenIddictExceptions.ConcurrencyException)
            {
                db.Entry(application).State = EntityState.Detached;
            }
        }
        return false;
    }
}
