namespace LocalPostgres;

/// <summary>Where the private server lives and how it is tuned.</summary>
public sealed record LocalPostgresOptions
{
    /// <summary>The setting that names <see cref="Directory"/>; every message about the directory names it.</summary>
    internal const string DirectorySetting = "LocalPostgres:Directory";

    /// <summary>Absolute path. Everything lives below it: cluster, log, locks, and the socket when the path is short enough.</summary>
    public required string Directory { get; init; }

    /// <summary>False only in tests: nothing is flushed to the disk.</summary>
    public bool Durable { get; init; } = true;

    public int MaxConnections { get; init; } = 100;

    /// <summary>Where the binaries are, for a place that the search does not know. Null: search.</summary>
    public string? Binaries { get; init; }

    /// <summary>The setting that would make this server needless, such as <c>ConnectionStrings:IdentityServer</c>.</summary>
    public string ConnectionStringSetting { get; init; } = "ConnectionStrings";

    /// <summary>Listen on 127.0.0.1 with a password instead of on a Unix socket.</summary>
    internal bool Loopback { get; init; } = OperatingSystem.IsWindows();
}
