namespace LocalPostgres;

/// <summary>The user that runs the server: our own, or, since PostgreSQL refuses root, the one that root switches to.</summary>
internal sealed class ServerUser
{
    private static readonly string[] Candidates = ["postgres", "_postgres", "nobody"];

    private readonly string? _name;
    private readonly Func<IReadOnlyList<string>, IReadOnlyList<string>> _asUser;

    private ServerUser(string? name, Func<IReadOnlyList<string>, IReadOnlyList<string>> asUser)
    {
        _name = name;
        _asUser = asUser;
    }

    public static ServerUser Ourselves { get; } = new(null, static command => command);

    public bool IsAnother => _name is not null;

    /// <summary>For root: the owner of <paramref name="cluster"/> if it exists, otherwise the first usual one.</summary>
    public static async Task<ServerUser> FindAsync(string cluster, CancellationToken cancellationToken)
    {
        if (OperatingSystem.IsWindows() || !Environment.IsPrivilegedProcess)
            return Ourselves;

        var owner = Directory.Exists(cluster) ? await OwnerAsync(cluster, cancellationToken) : null;
        foreach (var name in owner is null or "root" ? Candidates : [owner])
        {
            var user = await Command.RunAsync(["id", "-u", name], cancellationToken);
            var group = await Command.RunAsync(["id", "-g", name], cancellationToken);
            if (!user.Succeeded || !group.Succeeded)
                continue;

            foreach (var asUser in Tools(name, user.Output.Trim(), group.Output.Trim()))
            {
                if ((await Command.RunAsync(asUser(["true"]), cancellationToken)).Succeeded)
                    return new ServerUser(name, asUser);
            }
        }

        throw new StartupException(
            "PostgreSQL refuses to run as root and none of setpriv, runuser, su and sudo can drop to "
            + $"{(owner is null or "root" ? "the user 'postgres' or 'nobody'" : $"the owner of {cluster}, '{owner}'")}: run the program as another user.");
    }

    public Task<Command> RunAsync(IReadOnlyList<string> command, CancellationToken cancellationToken) => Command.RunAsync(_asUser(command), cancellationToken);

    /// <summary>Whether this user can reach the directory through all of its parents.</summary>
    public async Task<bool> CanEnterAsync(string directory, CancellationToken cancellationToken) =>
        !IsAnother || (await RunAsync(["test", "-x", directory], cancellationToken)).Succeeded;

    /// <summary>Creates a directory that only this user (and root) can enter.</summary>
    public async Task CreatePrivateDirectoryAsync(string path, CancellationToken cancellationToken)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
            return;
        }

        const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Directory.CreateDirectory(path, OwnerOnly);
        // Below /tmp another user may have been there first.
        if (new DirectoryInfo(path).LinkTarget is not null)
            throw new IOException($"{path} is a symbolic link.");
        if (IsAnother)
            await ChownAsync([$"{_name}:", path], cancellationToken);
        // Fails for everyone but the owner and root, which proves that the directory is ours.
        File.SetUnixFileMode(path, OwnerOnly);
    }

    /// <summary>Lets this user read and enter, but not change, a directory that root owns.</summary>
    public async Task AdmitAsync(string path, CancellationToken cancellationToken)
    {
        if (OperatingSystem.IsWindows())
            return;
        const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        if (IsAnother)
            await ChownAsync([$":{(await Command.RunAsync(["id", "-g", _name!], cancellationToken)).Output.Trim()}", path], cancellationToken);
        File.SetUnixFileMode(path, IsAnother ? Owner | UnixFileMode.GroupRead | UnixFileMode.GroupExecute : Owner);
    }

    private static async Task ChownAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var chown = await Command.RunAsync(["chown", "-h", .. arguments], cancellationToken);
        if (!chown.Succeeded)
            throw new IOException(chown.Complaint);
    }

    private static async Task<string?> OwnerAsync(string path, CancellationToken cancellationToken)
    {
        string[] format = OperatingSystem.IsMacOS() ? ["-f", "%Su"] : ["-c", "%U"];
        var stat = await Command.RunAsync(["stat", .. format, path], cancellationToken);
        return stat.Succeeded ? stat.Output.Trim() : null;
    }

    internal static IEnumerable<Func<IReadOnlyList<string>, IReadOnlyList<string>>> Tools(string name, string user, string group) =>
    [
        command => ["setpriv", $"--reuid={user}", $"--regid={group}", "--init-groups", "--", .. command],
        command => ["runuser", "-u", name, "--", .. command],
        command => ["su", "-s", "/bin/sh", name, "-c", string.Join(' ', command.Select(Quoted))],
        command => ["sudo", "-n", "-u", name, "--", .. command],
    ];

    private static string Quoted(string argument) => $"'{argument.Replace("'", @"'\''", StringComparison.Ordinal)}'";
}
