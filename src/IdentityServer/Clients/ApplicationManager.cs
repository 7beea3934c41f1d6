using System.ComponentModel.DataAnnotations;
using System.Runtime.CompilerServices;
using IdentityServer.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Core;

namespace IdentityServer.Clients;

/// <summary>
/// OpenIddict's manager over our table. A client may have several secrets, each kept as Identity's slow hash; the registrations of
/// RFC 7591 and of manifests come here with theirs hashed.
/// </summary>
internal sealed class ApplicationManager(
    IOpenIddictApplicationCache<ApplicationRow> cache, ILogger<OpenIddictApplicationManager<ApplicationRow>> logger, IOptionsMonitor<OpenIddictCoreOptions> options,
    IOpenIddictApplicationStore<ApplicationRow> store, AuthDb db, ClientSecrets secrets)
    : OpenIddictApplicationManager<ApplicationRow>(cache, logger, options, store)
{
    // Confidential without a secret of its own: it authenticates by keys, and those of a jwks_uri stand elsewhere.
    private static readonly string WithoutSecret = OpenIddictResources.GetResourceString(OpenIddictResources.ID2113);

    /// <summary>OpenIddict's own takes no secret that is hashed already.</summary>
    public async ValueTask CreateAsync(ClientRow client, CancellationToken cancellationToken)
    {
        var application = new ApplicationRow();
        client.WriteTo(application);
        await foreach (var mistake in ValidateAsync(application, cancellationToken))
            throw new OpenIddictExceptions.ValidationException(mistake.ErrorMessage, [mistake]);
        await Store.CreateAsync(application, cancellationToken);
    }

    /// <param name="change">Of the client as it is now; once more where another changed it meanwhile.</param>
    /// <returns>False: there is no such client any more.</returns>
    public ValueTask<bool> TryChangeAsync(string clientId, Action<ClientRow> change, CancellationToken cancellationToken) => TryWriteAsync(
        clientId,
        async application =>
        {
            // After the application, whose concurrency token then tells of every change that this does not show.
            if (await db.Clients.AsNoTracking().SingleOrDefaultAsync(one => one.ClientId == clientId, cancellationToken) is not { } client)
                return false;
            change(client);
            client.WriteTo(application);
            await UpdateAsync(application, cancellationToken);
            return true;
        },
        cancellationToken);

    /// <returns>False: there is no such client any more.</returns>
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

    /// <summary>Anew where another was quicker.</summary>
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
