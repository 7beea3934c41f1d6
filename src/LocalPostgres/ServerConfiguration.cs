using System.Globalization;
using System.Text;

namespace LocalPostgres;

/// <summary>Our own settings: a file next to the cluster, rewritten at each start and included by postgresql.conf.</summary>
internal static class ServerConfiguration
{
    public static string Include(ServerDirectory directory) => $"\ninclude_if_exists = {Quoted(directory.Configuration)}\n";

    public static void Write(ServerDirectory directory, LocalPostgresOptions options, ServerAddress address)
    {
        var lines = new List<string>
        {
            $"cluster_name = {Quoted(directory.Name)}",
            $"listen_addresses = {Quoted(address.IsSocket ? "" : address.Host)}",
            $"unix_socket_directories = {Quoted(address.IsSocket ? address.Host : "")}",
            string.Create(CultureInfo.InvariantCulture, $"port = {address.Port}"),
            string.Create(CultureInfo.InvariantCulture, $"max_connections = {options.MaxConnections}"),
            "shared_buffers = 128MB",
            "autovacuum = on",
            // The details of an error quote rows: user names, addresses.
            "log_error_verbosity = terse",
            "log_checkpoints = off",
        };
        if (!options.Durable)
            lines.AddRange(["fsync = off", "synchronous_commit = off", "full_page_writes = off", "wal_level = minimal", "max_wal_senders = 0"]);

        File.WriteAllText(directory.Configuration, string.Join('\n', lines) + "\n", new UTF8Encoding(false));
        if (directory.User.IsAnother && !OperatingSystem.IsWindows())
            File.SetUnixFileMode(directory.Configuration, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
    }

    private static string Quoted(string value) =>
        $"'{value.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("'", "''", StringComparison.Ordinal)}'";
}
