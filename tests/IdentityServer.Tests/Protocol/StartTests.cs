using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using IdentityServer.Tests.Hosting;
using LocalPostgres;
using Npgsql;
using ServiceDefaults.Settings;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

/// <summary>A program that can't start says why in one line, ends with a code, and shows no stack trace.</summary>
public sealed class StartTests
{
    private const string Canary = "canary-of-the-connection-string";

    public static TheoryData<string, string> Impossible => new()
    {
        { "AccessTokens:Lifetime", "soon" }, { "AccessTokens:Lifetime", "0" }, { "AccessTokens:Lifetime", "1.5" }, { "AccessTokens:Lifetime", "00:01:00" }, { "AccessTokens:Lifetime", "99999999999" },
        { "AccessTokens:SigningAlgorithm", "HS256" }, { "AccessTokens:SigningAlgorithm", "none" },
        { "RefreshTokens:Lifetime", "-1" }, { "RefreshTokens:AbsoluteLifetime", "x" }, { "RefreshTokens:Leeway", "-1" }, { "RefreshTokens:Leeway", "601" },
        { "Database:QueueLength", "0" }, { "Shutdown:DrainSeconds", "-1" }, { "Shutdown:TimeoutSeconds", "0" }, { "Password:QueueTimeout", "0" },
        { "Lockout:MaxFailures", "0" }, { "Lockout:Duration", "never" }, { "Limits:Enabled", "maybe" }, { "Limits:TokensPerAddress", "-5" }, { "Audit:RetentionDays", "-1" }, { "Audit:RetentionDays", "a year" }, { "Pruning:Cron", "now and then" }, { "Pruning:Cron", "0 0 3 1 1 ? 2020" },
        { "ClientAssertions:Algorithms", "HS256" }, { "ClientAssertions:Algorithms", "none" }, { "Dpop:Algorithms", "es256" }, { "Dpop:Algorithms", "EdDSA" }, { "Registration:RequirePkce", "no" },
        { "Cors:Origins", "everywhere" }, { "Cors:Origins", "https://app.example.com:443" }, { "Cors:Origins", "https://user@app.example.com" }, { "ForwardedHeaders:KnownProxies", "proxy" }, { "Password:Iterations", "1" }, { "SigningKeys:PublishAhead", "0" }, { "SigningKeys:PublishAhead", "31536000" }, { "Logging:LogLevel:Default", "Foo" },
        { "IdentityServer:Issuer", "localhost" }, { "IdentityServer:Issuer", "ftp://id.example.com" }, { "IdentityServer:Issuer", "https://id.example.com?x=1" }, { "IdentityServer:Issuer", "https://id.example.com/#top" },
        { "IdentityServer:Issuer", "https://user@id.example.com" }, { "IdentityServer:Issuer", "https://id.example.com?" },
    };

    [Theory, MemberData(nameof(Impossible))]
    public async Task An_invalid_setting_is_reported_with_its_name_and_value(string name, string value)
    {
        var refused = await Assert.ThrowsAsync<StartupException>(() => ServerUnderTest.StartOnAsync("Host=/nonexistent;Database=x", $"--{name}={value}"));

        Assert.Contains(name, refused.Message, StringComparison.Ordinal);
        Assert.Contains($"\"{value}\"", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    [Fact]
    public async Task Contradicting_password_lengths_are_refused()
    {
        var refused = await Assert.ThrowsAsync<StartupException>(() => ServerUnderTest.StartOnAsync("Host=/nonexistent;Database=x", "--Password:MinimumLength=100", "--Password:MaximumLength=64"));

        Assert.Equal("The setting Password:MinimumLength is \"100\"; it must be at most Password:MaximumLength, which is 64.", refused.Message);
    }

    [Theory]
    [InlineData("IdentityServer:Issuer", "--IdentityServer:Issuer=http://id.example.com", "https")]
    [InlineData("IdentityServer:Issuer", "--IdentityServer:Issuer=", "missing")]
    [InlineData("DataProtection:CertificatePath", "--DataProtection:CertificatePath=", "missing")]
    [InlineData("DataProtection:CertificatePath", "--DataProtection:CertificatePath=/nonexistent.pfx", "existing")]
    [InlineData("ConnectionStrings:IdentityServer", "--ConnectionStrings:IdentityServer=", "connection string")]
    public async Task Production_requires_settings_that_development_makes_up(string name, string setting, string may)
    {
        var refused = await Assert.ThrowsAsync<StartupException>(() => ServerUnderTest.StartOnAsync(
            "Host=/nonexistent;Database=x", "--environment=Production", "--IdentityServer:Issuer=https://id.example.com", setting));

        Assert.Contains(name, refused.Message, StringComparison.Ordinal);
        Assert.Contains(may, refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("IdentityServer:Issuer", "--IdentityServer:Issuer=https://id.example.com?tenant=1")]
    [InlineData("ConnectionStrings:IdentityServer", "--ConnectionStrings:IdentityServer=Host=127.0.0.1;Port=1;Username=x;Password=" + Canary)]
    [InlineData("ConnectionStrings:IdentityServer", "--ConnectionStrings:IdentityServer=Hast=127.0.0.1;Password=" + Canary)]
    [InlineData("ConnectionStrings:IdentityServer", "--ConnectionStrings:IdentityServer=Host=no-such-host.invalid;Username=x;Password=" + Canary)]
    [InlineData("LocalPostgres:Directory", "--ConnectionStrings:IdentityServer=", "--LocalPostgres:Directory=/dev/null/data")]
    [InlineData("LocalPostgres:Binaries", "--ConnectionStrings:IdentityServer=", "--LocalPostgres:Directory=.data/start-tests", "--LocalPostgres:Binaries=/nonexistent")]
    [InlineData("Usage", "frobnicate")]
    [InlineData("Usage", "--urls", "http://127.0.0.1:0", "frobnicate")]
    [InlineData("-x=1", "-x=1")]
    [InlineData("The program can't start", "healthcheck", "-x=1")]
    public async Task A_failed_start_prints_one_line_and_exits(string says, params string[] arguments)
    {
        await using var program = Run("http://127.0.0.1:0", arguments);

        await SaysOneLineAsync(program, says);
    }

    [Theory]
    [InlineData("Hast=127.0.0.1", "\"Hast\"", "Host")]
    [InlineData("Usrname=x", "\"Usrname\"", "Username")]
    [InlineData("Comand Timeout=5", "\"Comand Timeout\"", "Command Timeout")]
    [InlineData("Timeout=" + Canary, "\"Timeout\"", "")]
    [InlineData("SSL Mode=" + Canary, "\"SSL Mode\"", "")]
    public async Task A_wrong_keyword_in_the_connection_string_is_named(string keyword, string says, string instead)
    {
        await using var program = Run("http://127.0.0.1:0", $"--ConnectionStrings:IdentityServer=Host=127.0.0.1;Port=1;Username=x;Password={Canary};{keyword}");

        await SaysOneLineAsync(program, says);
        var line = Assert.Single(program.Errors, line => line.Length > 0);
        Assert.Contains("ConnectionStrings:IdentityServer", line, StringComparison.Ordinal);
        Assert.Contains(instead, line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_keyword_before_the_password_is_named()
    {
        await using var program = Run("http://127.0.0.1:0", $"--ConnectionStrings:IdentityServer=Host=127.0.0.1;Frobnicate={Canary};Password=x");

        await SaysOneLineAsync(program, "\"Frobnicate\"");
    }

    [Theory]
    [InlineData("Password=S3cr;w0rd!=1")]
    [InlineData("Password=S3cr;w0rd!;Database=x")]
    [InlineData("Password=S3cr;w0rd==d=")]
    [InlineData("Password=S3cr;wOrd=d")]
    [InlineData("PSW=S3cr;wOrd=1")]
    [InlineData("Pwd=S3cr;Port=5432;w0rd=1")]
    [InlineData("SSL Password=S3cr;w0rd=1")]
    public async Task A_part_of_a_password_is_not_taken_for_a_keyword(string password)
    {
        await using var program = Run("http://127.0.0.1:0", $"--ConnectionStrings:IdentityServer=Host=127.0.0.1;Username=x;{password}");

        await SaysOneLineAsync(program, "ConnectionStrings:IdentityServer");
        Assert.Contains(program.Errors, line => line.Contains("quotes", StringComparison.Ordinal));
        Assert.DoesNotContain(program.Lines.Concat(program.Errors), line => line.Contains("w0rd", StringComparison.OrdinalIgnoreCase) || line.Contains("S3cr", StringComparison.OrdinalIgnoreCase) || line.Contains("\"wOrd", StringComparison.OrdinalIgnoreCase));
    }

    [Theory]
    [InlineData("RefreshTokens:Leway", "RefreshTokens:Leeway")]
    [InlineData("Smtp:Hst", "Smtp:Host")]
    [InlineData("IdentityServer:Isuer", "IdentityServer:Issuer")]
    [InlineData("RefreshToken:Leeway", "RefreshTokens:Leeway")]
    [InlineData("Cors:Origin", "Cors:Origins")]
    [InlineData("Cors:Origin:0", "Cors:Origins")]
    [InlineData("limits:tokensperadress", "Limits:TokensPerAddress")]
    [InlineData("Password:Iterations:Count", "Password:Iterations")]
    public async Task An_unknown_setting_is_one_warning_that_names_the_nearest_known_one(string name, string nearest)
    {
        await using var server = await ServerUnderTest.StartAsync($"--{name}={Canary}", "--Cors:Origins:0=https://app.example.com", "--Kestrel:Limits:MaxConcurrentConnections=100", "--Logging:Console:FormatterName=simple", "--ConnectionStrings:Other=x", "--AllowedHosts=*", "--Somebody:Elses=x");

        var warning = Assert.Single(server.Log.Lines, line => line.Contains("is not a setting", StringComparison.Ordinal));
        Assert.StartsWith("Warning ", warning, StringComparison.Ordinal);
        Assert.Contains($" {name} ", warning, StringComparison.OrdinalIgnoreCase);
        Assert.Contains($" {nearest}?", warning, StringComparison.Ordinal);
        Assert.DoesNotContain(Canary, warning, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_setting_in_README_is_known()
    {
        var documented = SettingsTable.Read("IdentityServer").Select(setting => setting.Name).Except(["ConnectionStrings:IdentityServer", "DataProtection:CertificatePath"]).ToList();
        await using var server = await ServerUnderTest.StartAsync([.. documented.Select(name => $"--{name}= ")]);

        Assert.True(documented.Count > 80, $"{documented.Count} documented");
        Assert.DoesNotContain(server.Log.Lines, line => line.Contains("is not a setting", StringComparison.Ordinal));
    }

    [Fact]
    public void README_has_each_setting_with_its_default()
    {
        var documented = SettingsTable.Read("IdentityServer").ToDictionary(setting => setting.Name, setting => setting.Standard);
        var declared = Declared().ToDictionary(setting => setting.Name, setting => setting.Standard);

        Assert.Equal(declared.Keys.Concat(LocalPostgresSettings.NamesFor("IdentityServer")).Order(StringComparer.Ordinal), documented.Keys.Order(StringComparer.Ordinal));
        // Its default is the number of the machine's cores.
        declared.Remove("Password:Parallelism");
        Assert.All(declared.Where(setting => setting.Value.Length > 0), setting => Assert.StartsWith($"{setting.Value} ", $"{documented[setting.Key]} ", StringComparison.Ordinal));
    }

    [Fact]
    public void Messages_name_only_existing_settings()
    {
        var named = new[] { "IdentityServer", "LocalPostgres", "ServiceDefaults" }
            .SelectMany(project => Directory.EnumerateFiles(Path.Combine(Repository.Root, "src", project), "*.cs", SearchOption.AllDirectories))
            .Where(file => Path.GetFileName(Path.GetDirectoryName(file)) != "Migrations")
            .SelectMany(file => Regex.Matches(File.ReadAllText(file), "\"([A-Z][A-Za-z]+:[A-Z][A-Za-z]+)\"").Select(match => match.Groups[1].Value))
            .Where(name => !name.StartsWith("Logging:", StringComparison.Ordinal) && !name.StartsWith("Kestrel:", StringComparison.Ordinal));

        Assert.Empty(named.Except(Declared().Select(setting => setting.Name)).Except(LocalPostgresSettings.NamesFor("IdentityServer")));
    }

    [Fact]
    public async Task An_unknown_database_role_is_reported_in_one_line()
    {
        await using var database = await TestDatabase.CreateEmptyAsync();
        var settings = new NpgsqlConnectionStringBuilder(database.ConnectionString) { Username = "nobody_of_that_name", Password = Canary };
        await using var program = Run("http://127.0.0.1:0", $"--ConnectionStrings:IdentityServer={settings.ConnectionString}");

        await SaysOneLineAsync(program, "ConnectionStrings:IdentityServer");
    }

    [Theory]
    [InlineData("http://127.0.0.1:{taken}")]
    [InlineData("http://192.0.2.1:5000")]
    [InlineData("https://127.0.0.1:0")]
    [InlineData("nonsense")]
    [InlineData("http://127.0.0.1:99999")]
    public async Task An_address_that_cannot_be_listened_on_is_reported_in_one_line(string address)
    {
        await using var database = await TestDatabase.CreateEmptyAsync();
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
        await using var program = Run("http://127.0.0.1:0", $"--ConnectionStrings:IdentityServer={database.ConnectionString}", $"--urls={address.Replace("{taken}", port, StringComparison.Ordinal)}");

        await SaysOneLineAsync(program, "ASPNETCORE_URLS");
    }

    [Fact]
    public async Task A_settings_file_that_is_not_JSON_is_reported_in_one_line()
    {
        var folder = Directory.CreateTempSubdirectory();
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "appsettings.json"), "{ \"AccessTokens\": ");
            await using var program = Run("http://127.0.0.1:0", $"--contentRoot={folder.FullName}");

            await SaysOneLineAsync(program, "appsettings.json");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Keys_encrypted_with_another_certificate_are_reported_in_one_line_and_left_alone()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var certificate = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.pfx");
        try
        {
            var refused = await Assert.ThrowsAsync<StartupException>(() => ServerUnderTest.StartOnAsync(server.ConnectionString, $"--DataProtection:CertificatePath={certificate}"));

            Assert.Contains("DataProtection:CertificatePath", refused.Message, StringComparison.Ordinal);
            Assert.Equal(3, await server.ReadAsync<int>("SELECT count(*) FROM keys"));

            await using var program = Run("http://127.0.0.1:0", $"--ConnectionStrings:IdentityServer={server.ConnectionString}", $"--DataProtection:CertificatePath={certificate}");
            await SaysOneLineAsync(program, "DataProtection:CertificatePath");
            Assert.Single(program.Lines);
        }
        finally
        {
            File.Delete(certificate);
        }

        await using var right = await server.StartNodeAsync();
        Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM data_protection_keys"));
    }

    [Fact]
    public async Task Migrate_creates_the_schema_but_no_keys()
    {
        await using var database = await TestDatabase.CreateEmptyAsync();
        var certificate = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.pfx");
        await using var program = Run("http://127.0.0.1:0", "migrate", $"--ConnectionStrings:IdentityServer={database.ConnectionString}", $"--DataProtection:CertificatePath={certificate}");

        Assert.Equal(0, await program.ExitsAsync());

        Assert.False(File.Exists(certificate));
        await using var source = NpgsqlDataSource.Create(database.ConnectionString);
        await using var count = source.CreateCommand("SELECT (SELECT count(*) FROM keys) + (SELECT count(*) FROM data_protection_keys)");
        Assert.Equal(0L, await count.ExecuteScalarAsync());
    }

    [Theory]
    [InlineData("Usage: IdentityServer [migrate | apply FILE [--prune] ", "--help")]
    [InlineData("Usage: IdentityServer migrate [--Setting=value …]", "migrate", "--help")]
    [InlineData("Usage: IdentityServer apply FILE [--prune] [--Setting=value …]", "apply", "-h")]
    [InlineData("Usage: IdentityServer plan FILE [--prune] [--Setting=value …]", "plan", "-h")]
    [InlineData("Usage: IdentityServer manifest-schema [--Setting=value …]", "manifest-schema", "--help")]
    [InlineData("Usage: IdentityServer import-openiddict CONNECTION [--dry-run] [--Setting=value …]", "import-openiddict", "--help")]
    [InlineData("Usage: IdentityServer replace-keys [--Setting=value …]", "--Limits:Enabled=false", "replace-keys", "--help")]
    [InlineData("Usage: IdentityServer rewrap-keys [--Setting=value …]", "rewrap-keys", "-h")]
    [InlineData("Usage: IdentityServer healthcheck [--Setting=value …]", "healthcheck", "--help")]
    public async Task Help_describes_the_program_or_one_command(string usage, params string[] arguments)
    {
        await using var program = Run("http://127.0.0.1:0", arguments);

        Assert.Equal(0, await program.ExitsAsync());
        Assert.Empty(program.Errors);
        Assert.StartsWith(usage, program.Lines[0], StringComparison.Ordinal);
        Assert.All(
            (string[])["Exit codes: 0 done, 1 refused", "2 wrong usage", "IdentityServer:Issuer", "README.md", .. arguments is ["--help"] ? (string[])["  migrate", "  apply FILE [--prune]", "  plan FILE [--prune]", "  manifest-schema", "  import-openiddict CONNECTION [--dry-run]", "  rewrap-keys", "  replace-keys", "  healthcheck"] : []],
            what => Assert.Contains(program.Lines, line => line.Contains(what, StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("frobnicate")]
    [InlineData("apply")]
    [InlineData("plan")]
    [InlineData("migrate", "--prune")]
    [InlineData("import-openiddict", "--dry-run")]
    public async Task Wrong_usage_exits_with_2(params string[] arguments)
    {
        await using var program = Run("http://127.0.0.1:0", arguments);

        Assert.Equal(2, await program.ExitsAsync());
        Assert.StartsWith("Usage: ", Assert.Single(program.Lines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("apply", "file.json", "--pruen")]
    [InlineData("migrate", "--dry-run")]
    [InlineData("import-openiddict", "Host=x", "--dry-runs")]
    [InlineData("import-openiddict", "Host=x", "--prune")]
    [InlineData("apply", "file.json", "--dry-run")]
    [InlineData("plan", "file.json", "--pruen")]
    [InlineData("--dry-run")]
    [InlineData("--Mail:From=a@b", "replace-keys", "--force")]
    public void A_misspelt_word_after_a_command_is_wrong_usage(params string[] arguments) =>
        Assert.Equal(CommandLine.WrongUsage, Assert.Throws<StartupException>(() => CommandLine.Parse(arguments)).ExitCode);

    [Fact]
    public void A_command_may_stand_anywhere_and_a_settings_value_may_be_a_separate_argument()
    {
        var command = CommandLine.Parse(["--urls", "http://x", "apply", "a=b.json", "Limits:Enabled=false", "--prune", "--Mail:From=a@b"]);

        Assert.Equal((CommandLine.Apply, "a=b.json", true), (command.Command, command.File, command.Prune));
        Assert.Equal(["--urls", "http://x", "Limits:Enabled=false", "--Mail:From=a@b"], command.Settings);
    }

    [Fact]
    public void A_connection_string_is_not_taken_for_a_setting()
    {
        var command = CommandLine.Parse(["Limits:Enabled=false", "import-openiddict", "Host=db;Password=a=b", "--dry-run", "Mail:From=a@b"]);

        Assert.Equal((CommandLine.ImportOpenIddict, "Host=db;Password=a=b", true), (command.Command, command.File, command.IsDryRun));
        Assert.Equal(["Limits:Enabled=false", "Mail:From=a@b"], command.Settings);
    }

    private static IEnumerable<(string Name, string Standard)> Declared() =>
        from type in typeof(Program).Assembly.GetTypes().Concat(typeof(SettingsReader).Assembly.GetTypes())
        where type.IsDefined(typeof(SectionAttribute), inherit: false)
        from setting in SettingsReader.Declared(type)
        select (setting.Name, SettingsTable.Write(setting.Property.GetValue(Activator.CreateInstance(type))));

    private static ProgramProcess Run(string address, params string[] arguments) => ProgramProcess.Start(
        Path.Combine(AppContext.BaseDirectory, "IdentityServer.dll"),
        [
            .. arguments.Where(argument => !argument.StartsWith('-')),
            "--environment=Development", "--IdentityServer:Manifest=",
            $"--DataProtection:CertificatePath={Path.Combine(Repository.Root, ".data", "tests-data-protection.pfx")}",
            .. arguments.Where(argument => argument.StartsWith('-')),
        ],
        new Dictionary<string, string?> { ["ASPNETCORE_URLS"] = address },
        workingDirectory: AppContext.BaseDirectory);

    private static async Task SaysOneLineAsync(ProgramProcess program, string text)
    {
        Assert.NotEqual(0, await program.ExitsAsync());
        var line = Assert.Single(program.Errors, line => line.Length > 0);
        Assert.Contains(text, line, StringComparison.Ordinal);
        Assert.DoesNotContain(program.Lines, line => line.TrimStart().StartsWith("at ", StringComparison.Ordinal) || line.Contains("Unhandled exception", StringComparison.Ordinal) || line.Contains(Canary, StringComparison.Ordinal));
    }
}
