using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Json;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Hosting;

namespace ServiceDefaults;

/// <summary>
/// The <c>appsettings*.json</c> beside the program. ASP.NET Core reads those of the folder that it is started in, so a
/// program started from elsewhere would run without its defaults. Everything else still wins over them.
/// </summary>
internal static class OwnSettings
{
    public static void AddBelow(IConfigurationBuilder configuration, IHostEnvironment environment)
    {
        var own = AppContext.BaseDirectory;
        if (Path.TrimEndingDirectorySeparator(environment.ContentRootPath) == Path.TrimEndingDirectorySeparator(own))
            return;
        var files = new PhysicalFileProvider(own);
        configuration.Sources.Insert(0, new JsonConfigurationSource { FileProvider = files, Path = "appsettings.json", Optional = true });
        configuration.Sources.Insert(1, new JsonConfigurationSource { FileProvider = files, Path = $"appsettings.{environment.EnvironmentName}.json", Optional = true });
    }
}
