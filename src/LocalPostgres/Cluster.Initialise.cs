using Microsoft.Extensions.Logging;

namespace LocalPostgres;

internal sealed partial class Cluster
{
    /// <summary>Runs in a sibling directory that is renamed when complete, so a killed initdb never leaves half a cluster.</summary>
    private async Task InitialiseAsync(PostgresBinaries binaries, CancellationToken cancellationToken)
    {
        LogInitialising(directory.Path);
        var sibling = $"{directory.Cluster}.new-{Guid.NewGuid():N}";
        await directory.User.CreatePrivateDirectoryAsync(sibling, cancellationToken);

        // UTF-8 everywhere; strings are ordered by code point, so that an update of the machine's locales can't break an index.
        var made = await InitdbAsync(binaries, sibling, ["--locale=C.UTF-8", "--lc-collate=C"], cancellationToken);
        if (!made.Succeeded && made.Error.Contains("locale", StringComparison.Ordinal))
            made = await InitdbAsync(binaries, sibling, ["--locale=C"], cancellationToken);
        if (!made.Succeeded)
        {
            System.IO.Directory.Delete(sibling, recursive: true);
            throw Unusable($"can't take a new cluster ({made.Complaint})", "name another directory");
        }

        await File.AppendAllTextAsync(
            Path.Combine(sibling, "postgresql.conf"), ServerConfiguration.Include(directory), cancellationToken);
        System.IO.Directory.Move(sibling, directory.Cluster);
    }

    /// <summary>Removes what was left behind by programs that were killed while they made a cluster.</summary>
    private void ClearAbandoned()
    {
        foreach (var abandoned in System.IO.Directory.EnumerateDirectories(directory.Path, "data.new-*"))
        {
            try
            {
                System.IO.Directory.Delete(abandoned, recursive: true);
            }
            catch (IOException e)
            {
                // Its initdb may outlive the program and still be writing: the next start clears it.
                LogNotCleared(abandoned, e.Message);
            }
        }
    }

    private async Task<Command> InitdbAsync(PostgresBinaries binaries, string target, IReadOnlyList<string> locale, CancellationToken cancellationToken)
    {
        var command = new List<string>
        {
            binaries.Initdb, "-D", target, "-U", ServerAddress.User, "-E", "UTF8", "--data-checksums",
        };
        command.AddRange(locale);
        if (!options.Durable)
            command.Add("--no-sync");

        if (!options.Loopback)
        {
            // Only the owner of the socket's directory can reach the socket.
            command.AddRange(["--auth-local=trust", "--auth-host=reject"]);
            return await directory.User.RunAsync(command, cancellationToken);
        }

        await File.WriteAllTextAsync(directory.PasswordFile, ServerAddress.NewPassword(), cancellationToken);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(directory.PasswordFile, UnixFileMode.UserRead | UnixFileMode.UserWrite | (directory.User.IsAnother ? UnixFileMode.OtherRead : 0));
        command.AddRange(["--auth-local=reject", "--auth-host=scram-sha-256", $"--pwfile={directory.PasswordFile}"]);
        return await directory.User.RunAsync(command, cancellationToken);
    }

    [LoggerMessage(5, LogLevel.Information, "Making a new PostgreSQL cluster in {Directory}")]
    private partial void LogInitialising(string directory);

    [LoggerMessage(6, LogLevel.Debug, "Left {Directory} for the next start to clean up: {Reason}")]
    private partial void LogNotCleared(string directory, string reason);
}
