using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Testing;
using Xunit;

namespace LocalPostgres.Tests;

/// <summary>Each way in which there is no database, and the one line that the operator gets for it.</summary>
public sealed class RefusalTests
{
    [Fact]
    public async Task Without_binaries_the_program_ends_with_one_line_that_names_the_package_and_the_setting()
    {
        await using var directory = new TestDirectory();
        var empty = Path.Combine(Path.GetDirectoryName(directory.Server)!, "no binaries");
        Directory.CreateDirectory(empty);

        await using var holder = Holder.Start(directory.Server, binaries: empty);
        Assert.Equal(1, await holder.ExitsAsync());
        var line = Assert.Single(holder.Errors);
        Assert.StartsWith("No PostgreSQL", line, StringComparison.Ordinal);
        Assert.Contains("install", line, StringComparison.Ordinal);
        Assert.Contains("ConnectionStrings", line, StringComparison.Ordinal);
        Assert.False(Directory.Exists(directory.Cluster));
    }

    [Theory]
    [InlineData("ID=debian\n", "'postgresql' (apt")]
    [InlineData("NAME=Mint\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", "'postgresql' (apt")]
    [InlineData("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", "'postgresql-server' (dnf")]
    [InlineData("ID=alpine\n", "'postgresql17' (apk")]
    [InlineData("", "'postgresql'")]
    public void The_package_has_the_name_that_this_system_uses(string osRelease, string package)
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("macOS and Windows have one name each.");
        Assert.Contains(package, PostgresBinaries.PackageAdvice(osRelease), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_that_cannot_be_created_is_reported_with_its_setting()
    {
        await using var directory = new TestDirectory();
        await File.WriteAllTextAsync(directory.Server, "a file", TestContext.Current.CancellationToken);
        await RefusedAsync(new LocalPostgresOptions { Directory = directory.Server });
        await RefusedAsync(new LocalPostgresOptions { Directory = Path.Combine(directory.Server, "below", "it") });
        await RefusedAsync(new LocalPostgresOptions { Directory = "relative" });
        await RefusedAsync(new LocalPostgresOptions { Directory = directory.Server + "$HOME" });
    }

    [Fact]
    public async Task A_directory_that_this_user_may_not_write_to_is_reported_with_its_setting()
    {
        if (!Environment.IsPrivilegedProcess || !File.Exists("/usr/bin/setpriv"))
            Assert.Skip("Only root can become a user who may not.");

        await using var directory = new TestDirectory();
        await using var holder = ProgramProcess.Start(
            "/usr/bin/setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", "dotnet", typeof(RefusalTests).Assembly.Location, "hold", directory.Server]);
        Assert.Equal(1, await holder.ExitsAsync());
        var line = Assert.Single(holder.Errors);
        Assert.Contains($"LocalPostgres:Directory={directory.Server}", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_with_other_content_is_refused_and_left_unchanged()
    {
        await using var directory = new TestDirectory();
        Directory.CreateDirectory(directory.Server);
        await File.WriteAllTextAsync(Path.Combine(directory.Server, "letter.txt"), "dear", TestContext.Current.CancellationToken);

        var refusal = await RefusedAsync(directory.Options);
        Assert.Contains("not empty", refusal.Message, StringComparison.Ordinal);
        Assert.Single(Directory.EnumerateFileSystemEntries(directory.Server));
    }

    [Fact]
    public async Task A_cluster_that_is_broken_or_of_another_version_is_reported_with_its_setting()
    {
        await using var directory = new TestDirectory();
        await (await StartAsync(directory.Options)).DisposeAsync();
        var version = Path.Combine(directory.Cluster, "PG_VERSION");
        var original = await File.ReadAllTextAsync(version, TestContext.Current.CancellationToken);

        await File.WriteAllTextAsync(version, "9", TestContext.Current.CancellationToken);
        Assert.Contains("made by PostgreSQL 9", (await RefusedAsync(directory.Options)).Message, StringComparison.Ordinal);

        File.Delete(version);
        Assert.Contains("broken", (await RefusedAsync(directory.Options)).Message, StringComparison.Ordinal);

        await File.WriteAllTextAsync(version, original, TestContext.Current.CancellationToken);
        Directory.Delete(Path.Combine(directory.Cluster, "global"), recursive: true);
        var refusal = await RefusedAsync(directory.Options);
        Assert.Contains("does not start", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(Path.Combine(directory.Server, "log", "postgres.log"), refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Production_requires_a_connection_string()
    {
        var refusal = await Assert.ThrowsAsync<StartupException>(() => ResolveAsync("Production", []));
        Assert.Contains("ConnectionStrings:IdentityServer", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("Production", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("what is this; password=hunter2")]
    [InlineData("Host=db;Port=hunter2")]
    [InlineData("Database=identity;Password=hunter2")]
    public async Task A_malformed_connection_string_is_named_and_never_shown(string connectionString)
    {
        var refusal = await Assert.ThrowsAsync<StartupException>(
            () => ResolveAsync("Production", new() { ["ConnectionStrings:IdentityServer"] = connectionString }));
        Assert.Contains("ConnectionStrings:IdentityServer", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
    }

    [Fact]
    public async Task A_wrong_password_is_reported_in_one_line_and_the_right_one_creates_the_database()
    {
        await using var directory = new TestDirectory();
        await using var server = await StartAsync(directory.Options with { Loopback = true });
        var right = new NpgsqlConnectionStringBuilder(server.ConnectionString("fresh"));

        var wrong = new NpgsqlConnectionStringBuilder(right.ConnectionString) { Password = "hunter2" };
        var refusal = await Assert.ThrowsAsync<StartupException>(
            () => ResolveAsync("Production", new() { ["ConnectionStrings:IdentityServer"] = wrong.ConnectionString }));
        Assert.Contains("ConnectionStrings:IdentityServer", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("password authentication failed", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", refusal.Message, StringComparison.Ordinal);

        var (resolved, none) = await ResolveAsync("Production", new() { ["ConnectionStrings:IdentityServer"] = right.ConnectionString });
        Assert.Null(none);
        Assert.Equal(1, await Holder.QueryAsync(resolved, "SELECT 1"));
    }

    [Fact]
    public async Task An_unreachable_server_is_reported_in_one_line_too()
    {
        var port = ProgramProcess.FreePort();
        var connectionString = string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={port};Username=me;Database=mine");
        var refusal = await Assert.ThrowsAsync<StartupException>(
            () => GivenDatabase.RequireAsync("ConnectionStrings:IdentityServer", connectionString, TimeSpan.FromSeconds(1), CancellationToken.None));
        Assert.StartsWith("ConnectionStrings:IdentityServer", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"no connection to PostgreSQL at 127.0.0.1:{port}"), refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Development_without_a_connection_string_gets_a_server_and_a_database()
    {
        await using var directory = new TestDirectory();
        var (connectionString, server) = await ResolveAsync("Development", new() { ["LocalPostgres:Directory"] = directory.Server });
        await using (server)
        {
            Assert.Equal("identity", await Holder.QueryAsync(connectionString, "SELECT current_database()::text"));
            Assert.Equal("Test", await Holder.QueryAsync(connectionString, "SELECT current_setting('application_name')"));
        }

        Assert.Null(directory.ServerPid);
    }

    [Fact]
    public void The_directory_comes_from_the_setting_the_checkout_or_the_content_root()
    {
        var checkout = Repository.Root;
        var elsewhere = Path.GetTempPath();
        Assert.Equal(Path.Combine(elsewhere, "db"), LocalPostgresSettings.DirectoryFor("db", checkout, elsewhere));
        Assert.Equal(Path.Combine(checkout, ".data", "postgres"), LocalPostgresSettings.DirectoryFor(null, AppContext.BaseDirectory, elsewhere));
        Assert.Equal(Path.Combine(checkout, ".data", "postgres"), LocalPostgresSettings.DirectoryFor("", elsewhere, Path.Combine(checkout, "src")));
        Assert.Equal(Path.Combine(elsewhere, ".data", "postgres"), LocalPostgresSettings.DirectoryFor(null, elsewhere, elsewhere));
    }

    private static Task<LocalPostgresServer> StartAsync(LocalPostgresOptions options) =>
        LocalPostgresServer.StartAsync(options, NullLogger.Instance, TestContext.Current.CancellationToken);

    private static async Task<StartupException> RefusedAsync(LocalPostgresOptions options)
    {
        var refusal = await Assert.ThrowsAsync<StartupException>(() => StartAsync(options));
        Assert.Contains("LocalPostgres:Directory=", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
        return refusal;
    }

    private static Task<(string ConnectionString, LocalPostgresServer? Server)> ResolveAsync(string environment, Dictionary<string, string?> settings) =>
        LocalPostgresSettings.ResolveAsync(
            new ConfigurationBuilder().AddInMemoryCollection(settings).Build(),
            new TestEnvironment(environment),
            "IdentityServer",
            "identity",
            NullLogger.Instance,
            TestContext.Current.CancellationToken);

    private sealed class TestEnvironment(string name) : IHostEnvironment
    {
        public string EnvironmentName { get; set; } = name;

        public string ApplicationName { get; set; } = "Test";

        public string ContentRootPath { get; set; } = AppContext.BaseDirectory;

        public IFileProvider ContentRootFileProvider { get; set; } = new NullFileProvider();
    }
}
