using System.Security.Cryptography;
using IdentityServer.Protocol.Dispatching;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Server;
using Xunit;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlerFilters;

namespace IdentityServer.Tests.Pipeline;

/// <summary>The compiled dispatcher does what OpenIddict's own does: each test runs both.</summary>
public sealed class DispatcherTests
{
    private readonly List<string> _ran = [];

    [Fact]
    public async Task Handlers_run_in_order_whether_or_not_they_wait() => await AgreesAsync("first waits last", options =>
    {
        Add(options, 2, async _ =>
        {
            await Task.Yield();
            _ran.Add("waits");
        });
        Add(options, 1, _ => Ran("first"));
        Add(options, 3, _ => Ran("last"));
    });

    [Fact]
    public async Task A_handler_for_another_endpoint_does_not_run() => await AgreesAsync("token", options =>
    {
        Add(options, 1, _ => Ran("introspection"), handler => handler.AddFilter<RequireIntrospectionRequest>());
        Add(options, 2, _ => Ran("token"), handler => handler.AddFilter<RequireTokenRequest>());
        Add(options, 3, _ => Ran("stores"), handler => handler.AddFilter<RequireDegradedModeDisabled>());
    });

    [Fact]
    public async Task An_earlier_handler_may_change_the_endpoint() => await AgreesAsync("becomes introspection", options =>
    {
        Add(options, 1, context =>
        {
            context.EndpointType = OpenIddictServerEndpointType.Introspection;
            return Ran("becomes");
        });
        Add(options, 2, _ => Ran("token"), handler => handler.AddFilter<RequireTokenRequest>());
        Add(options, 3, _ => Ran("introspection"), handler => handler.AddFilter<RequireIntrospectionRequest>());
    });

    [Fact]
    public async Task A_filter_is_evaluated_again_for_each_handler() => await AgreesAsync("refuses allows", options =>
    {
        Add(options, 1, context =>
        {
            context.Transaction.Properties["allowed"] = false;
            return Ran("refuses");
        });
        Add(options, 2, _ => Ran("hidden"), handler => handler.AddFilter<RequireAllowed>());
        Add(options, 3, context =>
        {
            context.Transaction.Properties["allowed"] = true;
            return default;
        });
        Add(options, 4, _ => Ran("allows"), handler => handler.AddFilter<RequireAllowed>());
    });

    [Theory]
    [InlineData("handled")]
    [InlineData("skipped")]
    [InlineData("rejected")]
    public async Task No_handler_runs_after_one_that_handled_skipped_or_rejected_the_event(string how)
    {
        foreach (var waits in (bool[])[false, true])
        {
            await AgreesAsync("ends", options =>
            {
                Add(options, 1, async context =>
                {
                    if (waits)
                        await Task.Yield();
                    _ran.Add("ends");
                    if (how == "handled")
                        context.HandleRequest();
                    else if (how == "skipped")
                        context.SkipRequest();
                    else
                        context.Reject("invalid_request");
                });
                Add(options, 2, _ => Ran("beyond"));
            });
        }
    }

    [Fact]
    public async Task An_exception_in_a_handler_reaches_the_caller_and_ends_the_event()
    {
        foreach (var dispatcher in Dispatchers(options =>
        {
            Add(options, 1, _ => throw new TimeoutException());
            Add(options, 2, _ => Ran("beyond"));
        }))
            await Assert.ThrowsAsync<TimeoutException>(async () => await dispatcher.DispatchAsync(Context()));

        Assert.Empty(_ran);
    }

    private async Task AgreesAsync(string expected, Action<OpenIddictServerBuilder> handlers)
    {
        foreach (var dispatcher in Dispatchers(handlers))
        {
            _ran.Clear();
            await dispatcher.DispatchAsync(Context());
            Assert.Equal(expected, string.Join(' ', _ran));
        }
    }

    private static IOpenIddictServerDispatcher[] Dispatchers(Action<OpenIddictServerBuilder> handlers)
    {
        var services = new ServiceCollection().AddLogging();
        services.AddSingleton<RequireAllowed>();
        services.AddOpenIddict().AddServer(options =>
        {
            options.EnableDegradedMode().SetTokenEndpointUris("/token").AllowClientCredentialsFlow();
            options.AddEncryptionKey(new SymmetricSecurityKey(new byte[32])).AddSigningKey(new ECDsaSecurityKey(ECDsa.Create(ECCurve.NamedCurves.nistP256)));
            options.AddEventHandler<ValidateTokenRequestContext>(handler => handler.UseInlineHandler(_ => default));
            handlers(options);
        });
        var provider = services.BuildServiceProvider();
        var monitor = provider.GetRequiredService<IOptionsMonitor<OpenIddictServerOptions>>();
        return [new OpenIddictServerDispatcher(NullLogger<OpenIddictServerDispatcher>.Instance, monitor, provider), new CompiledDispatcher(provider, monitor)];
    }

    private static void Add(
        OpenIddictServerBuilder options, int order, Func<HandleTokenRequestContext, ValueTask> handle,
        Func<OpenIddictServerHandlerDescriptor.Builder<HandleTokenRequestContext>, OpenIddictServerHandlerDescriptor.Builder<HandleTokenRequestContext>>? filter = null) =>
        options.AddEventHandler<HandleTokenRequestContext>(handler => (filter?.Invoke(handler) ?? handler).UseInlineHandler(handle).SetOrder(int.MinValue + order));

    private static HandleTokenRequestContext Context() => new(new OpenIddictServerTransaction
    {
        Logger = NullLogger.Instance, Options = new OpenIddictServerOptions { EnableDegradedMode = true }, EndpointType = OpenIddictServerEndpointType.Token,
        // OpenIddict's own handlers of this event end here.
        Properties = { [typeof(ValidateTokenRequestContext).FullName!] = null },
        Request = new() { GrantType = "client_credentials" },
    });

    private ValueTask Ran(string name)
    {
        _ran.Add(name);
        return default;
    }

    private sealed class RequireAllowed : IOpenIddictServerHandlerFilter<HandleTokenRequestContext>
    {
        public ValueTask<bool> IsActiveAsync(HandleTokenRequestContext context) => new(context.Transaction.Properties["allowed"] is true);
    }
}
