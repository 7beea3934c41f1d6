using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ServiceDefaults.Settings;

namespace ServiceDefaults;

/// <summary>Stops a program as <see cref="Drain"/> describes.</summary>
internal static class DrainServices
{
    /// <exception cref="StartupException">A setting below <c>Shutdown</c> is invalid.</exception>
    public static void AddDrain(this WebApplicationBuilder builder, SettingsReader reader)
    {
        var settings = reader.Read<ShutdownSettings>();
        var doors = new Doors();
        builder.Services.Configure<SocketTransportOptions>(sockets => sockets.CreateBoundListenSocket = doors.Open);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Use(doors.Count)));
        builder.Services.AddSingleton(services => new Drain(
            settings, doors, services.GetRequiredService<IHostApplicationLifetime>(), services.GetRequiredService<ILogger<Drain>>()));
        builder.Services.AddHostedService(services => services.GetRequiredService<Drain>());
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = settings.Drain + settings.Timeout);
    }
}
