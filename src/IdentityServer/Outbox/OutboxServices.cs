using IdentityServer.Storage;

namespace IdentityServer.Outbox;

internal static class OutboxServices
{
    public static void AddOutbox(this IServiceCollection services)
    {
        services.AddSingleton<OutboxStore>();
        services.AddSingleton<OutboxDelivery>();
        services.AddHostedService(provider => provider.GetRequiredService<OutboxDelivery>());
    }

    public static void AddDelivery<TDelivery>(this IServiceCollection services)
        where TDelivery : class, IOutboxDelivery
    {
        services.AddSingleton<TDelivery>();
        services.AddSingleton<IOutboxDelivery>(provider => provider.GetRequiredService<TDelivery>());
    }
}
