using System.Text.Json;
using IdentityServer.Storage;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Core;

namespace IdentityServer.Clients;

/// <summary>Writes a resource, and through OpenIddict's manager the scopes that name it. A scope that is left without a resource is deleted.</summary>
internal sealed class ResourceScopes(AuthDb db, OpenIddictScopeManager<ScopeRow> scopes)
{
    public async ValueTask CreateAsync(ResourceRow resource, CancellationToken cancellationToken)
    {
        db.ResourceServers.Add(new ResourceServerRow { Identifier = resource.Identifier, Name = resource.Name, ClientId = resource.ClientId });
        await db.SaveChangesAsync(cancellationToken);
        await SetAsync(resource.Identifier, [], resource.Scopes, cancellationToken);
    }

    /// <param name="change">Applied to the current resource.</param>
    /// <returns>False: the resource no longer exists.</returns>
    public async ValueTask<bool> TryChangeAsync(string identifier, Action<ResourceRow> change, CancellationToken cancellationToken)
    {
        if (await db.ResourceServers.FindAsync([identifier], cancellationToken) is not { } server)
            return false;
        var resource = await db.Resources.AsNoTracking().SingleAsync(one => one.Identifier == identifier, cancellationToken);
        var had = resource.Scopes;
        change(resource);
        (server.Name, server.ClientId) = (resource.Name, resource.ClientId);
        await db.SaveChangesAsync(cancellationToken);
        await SetAsync(identifier, had, resource.Scopes, cancellationToken);
        return true;
    }

    public async ValueTask RemoveAsync(string identifier, CancellationToken cancellationToken)
    {
        await TryChangeAsync(identifier, resource => resource.Scopes = [], cancellationToken);
        await db.ResourceServers.Where(server => server.Identifier == identifier).ExecuteDeleteAsync(cancellationToken);
    }

    private async ValueTask SetAsync(string identifier, string[] had, string[] wanted, CancellationToken cancellationToken)
    {
        foreach (var name in wanted.Except(had))
        {
            if (await scopes.FindByNameAsync(name, cancellationToken) is not { } scope)
            {
                await scopes.CreateAsync(new ScopeRow { Name = name, Resources = JsonSerializer.Serialize((string[])[identifier]) }, cancellationToken);
                continue;
            }
            scope.Resources = JsonSerializer.Serialize((await scopes.GetResourcesAsync(scope, cancellationToken)).Add(identifier));
            await scopes.UpdateAsync(scope, cancellationToken);
        }
        foreach (var name in had.Except(wanted))
        {
            if (await scopes.FindByNameAsync(name, cancellationToken) is not { } scope)
                continue;
            var left = (await scopes.GetResourcesAsync(scope, cancellationToken)).Remove(identifier);
            scope.Resources = JsonSerializer.Serialize(left);
            if (left.IsEmpty && scope is { DisplayName: null, Description: null })
                await scopes.DeleteAsync(scope, cancellationToken);
            else
                await scopes.UpdateAsync(scope, cancellationToken);
        }
    }
}
