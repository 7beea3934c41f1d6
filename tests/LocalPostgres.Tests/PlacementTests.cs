using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace LocalPostgres.Tests;

/// <summary>Which user the server runs as, where its files are, and who can reach it.</summary>
public sealed class PlacementTests
{
    private static bool IsLinuxRoot => OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess;

    [Fact]
    public async Task Root_drops_to_an_unprivileged_user_whose_files_nobody_else_reads()
    {
        if (!IsLinuxRoot)
            Assert.Skip("Needs root on Linux.");

        await using var directory = new TestDirectory();
        await using var server = await StartAsync(directory.Options);
        var users = TestDirectory.Proc(directory.ServerPid!.Value, "status").Split('\n').Single(line => line.StartsWith("Uid:", StringComparison.Ordinal));
        Assert.DoesNotContain("0", users.Split('\t', StringSplitOptions.RemoveEmptyEntries)[1..]);

        const UnixFileMode Others = UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
        foreach (var path in new[] { directory.Server, directory.Cluster, Path.Combine(directory.Server, "socket"), Path.Combine(directory.Server, "log") })
            Assert.Equal(UnixFileMode.None, TestDirectory.ModeOf(path) & Others);
    }

    [Fact]
    public async Task Every_tool_that_can_drop_root_passes_arguments_on_unchanged()
    {
        if (!IsLinuxRoot)
            Assert.Skip("Needs root on Linux.");

        const string Odd = "it's \"$HOME\" -x *";
        var group = (await Command.RunAsync(["id", "-g", "nobody"], CancellationToken.None)).Output.Trim();
        var user = (await Command.RunAsync(["id", "-u", "nobody"], CancellationToken.None)).Output.Trim();
        var dropped = 0;
        foreach (var asUser in ServerUser.Tools("nobody", user, group))
        {
            var who = await Command.RunAsync(asUser(["id", "-u"]), CancellationToken.None);
            if (!who.Succeeded)
                continue;
            Assert.Equal(user, who.Output.Trim());
            Assert.Equal(Odd, (await Command.RunAsync(asUser(["printf", "%s", Odd]), CancellationToken.None)).Output);
            dropped++;
        }

        // setpriv, runuser and su are all in util-linux, which every distribution has.
        Assert.InRange(dropped, 1, 4);
    }

    [Fact]
    public async Task Below_a_directory_that_is_closed_to_that_user_the_data_goes_elsewhere_and_the_log_says_where()
    {
        if (!IsLinuxRoot)
            Assert.Skip("Needs root on Linux.");

        await using var directory = new TestDirectory("closed/pg");
        var closed = Path.GetDirectoryName(directory.Server)!;
        TestDirectory.CreateClosed(closed);

        await using var holder = Holder.Start(directory.Server);
        var connectionString = await holder.HoldsAsync();
        var line = await holder.SaysAsync("the data is in /var/lib/identityserver-");
        var elsewhere = line[line.IndexOf("/var/lib/", StringComparison.Ordinal)..].Trim();
        try
        {
            Assert.Equal(elsewhere + "/data", await Holder.QueryAsync(connectionString, "SELECT current_setting('data_directory')"));
            Assert.False(Directory.Exists(directory.Server));
        }
        finally
        {
            await holder.TerminateAsync();
            Directory.Delete(elsewhere, recursive: true);
        }
    }

    [Fact]
    public async Task An_empty_directory_that_is_closed_is_opened_to_that_user_and_nobody_else()
    {
        await using var directory = new TestDirectory();
        TestDirectory.CreateClosed(directory.Server);
        await using var server = await StartAsync(directory.Options);
        Assert.NotNull(directory.ServerPid);
        Assert.Equal(UnixFileMode.None, TestDirectory.ModeOf(directory.Server) & (UnixFileMode.OtherRead | UnixFileMode.OtherExecute | UnixFileMode.GroupWrite));
    }

    [Fact]
    public async Task If_the_path_is_too_long_for_a_socket_a_short_one_is_used_that_is_always_the_same()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("No Unix sockets there.");

        await using var directory = new TestDirectory(Path.Combine(new string('a', 60), new string('b', 60)));
        string first, second, socket;
        await using (var server = await StartAsync(directory.Options))
            first = server.ConnectionString("postgres");
        await using (var server = await StartAsync(directory.Options))
        {
            second = server.ConnectionString("postgres");
            Assert.Equal(1, await Holder.QueryAsync(second, "SELECT 1"));
            socket = new NpgsqlConnectionStringBuilder(second).Host!;
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, TestDirectory.ModeOf(socket));
        }

        Assert.Equal(first, second);
        Assert.True(socket.Length < 60, socket);
        Assert.False(Directory.Exists(socket));
    }

    [Fact]
    public async Task A_link_planted_in_the_place_of_the_socket_is_refused()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("No Unix sockets there.");

        await using var directory = new TestDirectory();
        await (await StartAsync(directory.Options)).DisposeAsync();
        var socket = Path.Combine(directory.Server, "socket");
        Directory.Delete(socket);
        Directory.CreateSymbolicLink(socket, Path.GetTempPath());

        var refusal = await Assert.ThrowsAsync<StartupException>(() => StartAsync(directory.Options));
        Assert.Contains("symbolic link", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_socket_listens_on_no_port_and_needs_no_password()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("No Unix sockets there.");

        await using var directory = new TestDirectory();
        await using var server = await StartAsync(directory.Options);
        var connectionString = server.ConnectionString("postgres");
        Assert.Null(new NpgsqlConnectionStringBuilder(connectionString).Password);
        Assert.Equal("", await Holder.QueryAsync(connectionString, "SELECT current_setting('listen_addresses')"));
    }

    [Fact]
    public async Task Without_Unix_sockets_it_listens_on_a_loopback_port_with_a_password()
    {
        await using var directory = new TestDirectory();
        var options = directory.Options with { Loopback = true };
        await using var server = await StartAsync(options);
        await using var joined = await StartAsync(options);
        Assert.Equal(server.ConnectionString("a"), joined.ConnectionString("a"));

        var builder = new NpgsqlConnectionStringBuilder(server.ConnectionString("postgres"));
        Assert.Equal("127.0.0.1", builder.Host);
        Assert.Equal(1, await Holder.QueryAsync(builder.ConnectionString, "SELECT 1"));

        builder.Password = "guess";
        var refused = await Assert.ThrowsAsync<PostgresException>(() => Holder.QueryAsync(builder.ConnectionString, "SELECT 1"));
        Assert.Equal(PostgresErrorCodes.InvalidPassword, refused.SqlState);
    }

    [Fact]
    public async Task The_server_has_a_session_of_its_own_and_no_secret_of_the_program_that_started_it()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("Reads /proc.");

        await using var directory = new TestDirectory();
        await using var holder = Holder.Start(directory.Server, environment: new Dictionary<string, string?> { ["Smtp__Password"] = "hunter2" });
        await holder.HoldsAsync();
        var server = directory.ServerPid!.Value;

        // A Ctrl+C goes to the terminal's foreground process group (field 5), a hang-up to its session (field 6).
        var fields = TestDirectory.Proc(server, "stat").Split(' ');
        var own = server.ToString(CultureInfo.InvariantCulture);
        Assert.Equal([own, own], fields[4..6]);
        Assert.DoesNotContain("hunter2", TestDirectory.Proc(server, "environ"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pools_of_four_programs_fit_into_the_servers_connections()
    {
        await using var directory = new TestDirectory();
        await using var server = await StartAsync(directory.Options with { MaxConnections = 50 });
        var connectionString = server.ConnectionString("postgres");
        Assert.Equal("50", await Holder.QueryAsync(connectionString, "SELECT current_setting('max_connections')"));
        Assert.InRange(4 * new NpgsqlConnectionStringBuilder(connectionString).MaxPoolSize, 1, 47);
    }

    [Fact]
    public async Task The_log_keeps_one_older_file()
    {
        await using var directory = new TestDirectory();
        await (await StartAsync(directory.Options)).DisposeAsync();
        var log = Path.Combine(directory.Server, "log", "postgres.log");
        await File.AppendAllTextAsync(log, new string('x', 2 * 1024 * 1024), TestContext.Current.CancellationToken);

        await (await StartAsync(directory.Options)).DisposeAsync();
        Assert.InRange(new FileInfo(log).Length, 1, 64 * 1024);
        Assert.True(File.Exists(log + ".1"));
    }

    private static Task<LocalPostgresServer> StartAsync(LocalPostgresOptions options) =>
        LocalPostgresServer.StartAsync(options, NullLogger.Instance, TestContext.Current.CancellationToken);
}
