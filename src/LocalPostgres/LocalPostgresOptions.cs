namespace LocalPostgres;

/// <summary>Where the private server lives and how it is tuned.</summary>
public sealed record LocalPostgresOptions
{
    /// <summary>The setting for <see cref="Directory"/>, used in messages about it.</summary>
    internal const string DirectorySetting = "LocalPostgres:Directory";

    /// <summary>An absolute path. Everything is below it: cluster, log, locks, and the socket if the path is short enough.</summary>
    public required string Directory { get; init; }

    /// <summary>False only in tests: nothing is flushed to the disk.</summary>
    public bool Durable { get; init; } = true;

    public int MaxConnections { get; init; } = 100;

    /// <summary>Where the binaries are, if the search can't find them. Null: search.</summary>
    public string? Binaries { get; init; }

    /// <summary>The setting with which this server is not needed, such as <c>ConnectionStrings:IdentityServer</c>.</summary>
    public string ConnectionStringSetting { get; init; } = "ConnectionStrings";

    /// <summary>Listen on 127.0.0.1 with a password instead of on a Unix socket.</summary>
    internal bool Loopback { get; init; } = OperatingSystem.IsWindows();
}
