using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Dispatching;

/// <summary>The handlers of one event in their order, without those whose filters can't be true.</summary>
internal sealed class HandlerTable<TContext>
    where TContext : BaseContext
{
    private readonly Entry[] _entries;

    public HandlerTable(OpenIddictServerOptions options, IServiceProvider services)
    {
        var entries = new List<Entry>();
        // Sorted by OpenIddict when the options were made.
        foreach (var descriptor in options.Handlers)
        {
            if (descriptor.ContextType == typeof(TContext) && TryRead(descriptor, options, services, out var entry))
                entries.Add(entry);
        }
        _entries = [.. entries];
    }

    public ValueTask DispatchAsync(TContext context)
    {
        for (var i = 0; i < _entries.Length; i++)
        {
            var entry = _entries[i];
            if (!IsForEndpoint(entry, context))
                continue;
            switch (IsActive(entry, context))
            {
                case false:
                    continue;
                case null:
                    return GoOnAsync(context, i, default);
            }
            var handled = entry.Handler.HandleAsync(context);
            if (!handled.IsCompletedSuccessfully)
                return GoOnAsync(context, i + 1, handled);
            handled.GetAwaiter().GetResult();
            if (IsOver(context))
                return default;
        }
        return default;
    }

    /// <summary>The asynchronous form, used once a handler or a filter waits.</summary>
    private async ValueTask GoOnAsync(TContext context, int from, ValueTask running)
    {
        await running;
        if (IsOver(context))
            return;
        for (var i = from; i < _entries.Length; i++)
        {
            var entry = _entries[i];
            if (!IsForEndpoint(entry, context) || !await IsActiveAsync(entry, context))
                continue;
            await entry.Handler.HandleAsync(context);
            if (IsOver(context))
                return;
        }
    }

    private static bool IsForEndpoint(in Entry entry, TContext context) => entry.Endpoint is not { } endpoint || endpoint == context.EndpointType;

    /// <summary>Null: a filter has to wait, which none of OpenIddict's does; then all filters of the entry are asked again.</summary>
    private static bool? IsActive(in Entry entry, TContext context)
    {
        foreach (var filter in entry.Filters)
        {
            var isActive = filter.IsActiveAsync(context);
            if (!isActive.IsCompletedSuccessfully)
                return null;
            if (!isActive.Result)
                return false;
        }
        return true;
    }

    private static async ValueTask<bool> IsActiveAsync(Entry entry, TContext context)
    {
        foreach (var filter in entry.Filters)
        {
            if (!await filter.IsActiveAsync(context))
                return false;
        }
        return true;
    }

    /// <summary>OpenIddict's rule: a handled, skipped or rejected event goes no further.</summary>
    private static bool IsOver(TContext context) => context is BaseRequestContext request
        && (request.IsRequestHandled || request.IsRequestSkipped || context is BaseValidatingContext { IsRejected: true });

    private static bool TryRead(OpenIddictServerHandlerDescriptor descriptor, OpenIddictServerOptions options, IServiceProvider services, out Entry entry)
    {
        entry = default;
        OpenIddictServerEndpointType? endpoint = null;
        var filters = new List<IOpenIddictServerHandlerFilter<TContext>>();
        foreach (var type in descriptor.FilterTypes)
        {
            if (FixedFilters.Endpoints.TryGetValue(type, out var one))
                endpoint = one;
            else if (!FixedFilters.Options.TryGetValue(type, out var isTrue))
                filters.Add((IOpenIddictServerHandlerFilter<TContext>)services.GetRequiredService(type));
            else if (!isTrue(options))
                return false;
        }
        var handler = descriptor.ServiceDescriptor.ImplementationInstance ?? services.GetRequiredService(descriptor.ServiceDescriptor.ServiceType);
        entry = new Entry((IOpenIddictServerHandler<TContext>)handler, endpoint, [.. filters]);
        return true;
    }

    private readonly record struct Entry(IOpenIddictServerHandler<TContext> Handler, OpenIddictServerEndpointType? Endpoint, IOpenIddictServerHandlerFilter<TContext>[] Filters);
}
