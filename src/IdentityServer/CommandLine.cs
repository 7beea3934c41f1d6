using LocalPostgres;

namespace IdentityServer;

/// <summary>What the program is asked to do: serve, or one of its few commands.</summary>
internal sealed record CommandLine(string Command, string? File, bool Prune, string[] Settings)
{
    public const string Serve = "serve";
    public const string Migrate = "migrate";
    public const string Apply = "apply";
    public const string HealthCheck = "healthcheck";

    /// <summary>Words before the first <c>--Setting=value</c> are ours; the rest is configuration.</summary>
    public static CommandLine Parse(string[] args)
    {
        var words = args.TakeWhile(arg => !arg.StartsWith('-') || arg == "--prune").ToArray();
        var settings = args[words.Length..];
        var prune = words.Contains("--prune") || settings.Contains("--prune");
        settings = [.. settings.Where(arg => arg != "--prune")];
        words = [.. words.Where(word => word != "--prune")];
        return words switch
        {
            [] when !prune => new(Serve, null, false, settings),
            [Migrate] when !prune => new(Migrate, null, false, settings),
            [HealthCheck] when !prune => new(HealthCheck, null, false, settings),
            [Apply, var file] => new(Apply, file, prune, settings),
            _ => throw new StartupException("Usage: IdentityServer [migrate | apply FILE [--prune] | healthcheck] [--Setting=value …]"),
        };
    }
}
