using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using OpenIddict.Server;

namespace IdentityServer.Protocol.Dispatching;

/// <summary>
/// Dispatches an event to its handlers, found and ordered once. OpenIddict's own dispatcher walks all 390 descriptors for each
/// event and asks the container for each filter: a quarter of a token request's CPU (docs/decisions/openiddict.md).
/// </summary>
/// <remarks>
/// Handlers live as long as the program: ours are singletons, and those of OpenIddict's that are registered as scoped
/// hold only the dispatcher as long as no store is used.
/// </remarks>
internal sealed class CompiledDispatcher(IServiceProvider services, IOptionsMonitor<OpenIddictServerOptions> options) : IOpenIddictServerDispatcher, IDisposable
{
    private readonly ConcurrentDictionary<Type, object> _tables = new();
    private readonly Lazy<IServiceScope> _scope = new(services.CreateScope);

    public ValueTask DispatchAsync<TContext>(TContext context)
        where TContext : OpenIddictServerEvents.BaseContext
    {
        var table = _tables.TryGetValue(typeof(TContext), out var known) ? known : _tables.GetOrAdd(typeof(TContext), Compile<TContext>());
        return ((HandlerTable<TContext>)table).DispatchAsync(context);
    }

    private HandlerTable<TContext> Compile<TContext>()
        where TContext : OpenIddictServerEvents.BaseContext =>
        new(options.CurrentValue, _scope.Value.ServiceProvider);

    public void Dispose()
    {
        if (_scope.IsValueCreated)
            _scope.Value.Dispose();
    }
}
