namespace IdentityServer;

/// <summary>What to run: the server, or one of a few commands.</summary>
/// <param name="File">For apply and plan, the file; for import-openiddict, the connection string; for help, the command to explain.</param>
internal sealed record CommandLine(string Command, string? File, bool Prune, string[] Settings)
{
    public const string Serve = "serve";
    public const string Migrate = "migrate";
    public const string Apply = "apply";
    public const string Plan = "plan";
    public const string ManifestSchema = "manifest-schema";
    public const string ImportOpenIddict = "import-openiddict";
    public const string RewrapKeys = "rewrap-keys";
    public const string ReplaceKeys = "replace-keys";
    public const string HealthCheck = "healthcheck";
    public const string Help = "help";

    private const string DryRun = "--dry-run";

    /// <summary>The exit code for wrong usage.</summary>
    public const int WrongUsage = 2;

    public const string Usage = "Usage: IdentityServer [migrate | apply FILE [--prune] | plan FILE [--prune] | manifest-schema | import-openiddict CONNECTION [--dry-run] | rewrap-keys | replace-keys | healthcheck] [--Setting=value …]";

    /// <summary>For import-openiddict: only print what it would do.</summary>
    public bool IsDryRun { get; init; }

    /// <summary>
    /// Plain words are commands, wherever they occur; configuration is <c>--Setting=value</c>, <c>--Setting value</c> and
    /// <c>Setting=value</c>, as ASP.NET Core reads it.
    /// </summary>
    public static CommandLine Parse(string[] args)
    {
        var words = new List<string>();
        var settings = new List<string>();
        var (prune, isDryRun) = (false, false);
        var isHelp = false;
        for (var i = 0; i < args.Length; i++)
        {
            var arg = args[i];
            if (arg is "--help" or "-h")
                isHelp = true;
            else if (arg == "--prune")
                prune = true;
            else if (arg == DryRun)
                isDryRun = true;
            else if (arg.StartsWith('-'))
            {
                settings.Add(arg);
                if (arg.StartsWith("--", StringComparison.Ordinal) && !arg.Contains('=', StringComparison.Ordinal) && i + 1 < args.Length && !args[i + 1].StartsWith('-'))
                    settings.Add(args[++i]);
            }
            // A file name may contain "=", and a connection string does.
            else if (arg.Contains('=', StringComparison.Ordinal) && words is not [Apply or Plan or ImportOpenIddict])
                settings.Add(arg);
            else
                words.Add(arg);
        }
        if (isHelp)
            return new(Help, words.FirstOrDefault(), false, []);
        // Such as --pruen: a setting would have a value.
        if (words.Count > 0 && args[^1] is var last && last.StartsWith("--", StringComparison.Ordinal) && last is not ("--prune" or DryRun) && !last.AsSpan().ContainsAny(':', '='))
            throw new StartupException(Usage) { ExitCode = WrongUsage };
        return words switch
        {
            [ImportOpenIddict, var connection] when !prune => new(ImportOpenIddict, connection, false, [.. settings]) { IsDryRun = isDryRun },
            _ when isDryRun => throw new StartupException(Usage) { ExitCode = WrongUsage },
            [] when !prune => new(Serve, null, false, [.. settings]),
            [ManifestSchema] when !prune => new(ManifestSchema, null, false, [.. settings]),
            [Migrate] when !prune => new(Migrate, null, false, [.. settings]),
            [RewrapKeys] when !prune => new(RewrapKeys, null, false, [.. settings]),
            [ReplaceKeys] when !prune => new(ReplaceKeys, null, false, [.. settings]),
            [HealthCheck] when !prune => new(HealthCheck, null, false, [.. settings]),
            [(Apply or Plan) and var command, var file] => new(command, file, prune, [.. settings]),
            _ => throw new StartupException(Usage) { ExitCode = WrongUsage },
        };
    }
}
