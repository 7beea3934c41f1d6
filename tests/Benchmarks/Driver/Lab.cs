using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using LocalPostgres;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Testing;

namespace Benchmarks.Driver;

/// <summary>A folder of its own, a private durable PostgreSQL in it, and the programs as published.</summary>
internal sealed class Lab : IAsyncDisposable
{
    /// <summary>The identifier of the data store.</summary>
    public const string Resource = "http://localhost:5010";

    private readonly LocalPostgresServer _postgres;
    private readonly Stack<MeasuredProgram> _programs = [];
    private readonly bool _withNames;
    private readonly bool _countsStatements;
    private int _files;

    private Lab(string folder, LocalPostgresServer postgres, bool withNames, bool countsStatements)
    {
        (Folder, _postgres, _withNames, _countsStatements) = (folder, postgres, withNames, countsStatements);
        Postmaster = int.Parse(File.ReadLines(Path.Combine(folder, "postgres", "data", "postmaster.pid")).First(), CultureInfo.InvariantCulture);
        CertificatePath = Path.Combine(folder, "data-protection.pfx");
        using var key = RSA.Create(3072);
        var request = new CertificateRequest("CN=benchmarks", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(7));
        File.WriteAllBytes(CertificatePath, certificate.Export(X509ContentType.Pkcs12));
    }

    public string Folder { get; }

    public int Postmaster { get; }

    /// <summary>The issuer of all of our servers, and where the first of them listens.</summary>
    public Uri Issuer { get; } = new($"http://127.0.0.1:{ProgramProcess.FreePort()}");

    public string CertificatePath { get; }

    /// <summary>Where run.sh has published the programs.</summary>
    public static string Published { get; } = Path.Combine(Repository.Root, "artifacts", "benchmarks");

    public static string Sources { get; } = Path.Combine(Repository.Root, "tests", "Benchmarks");

    /// <param name="withNames">Whether programs tell perf the names of their methods.</param>
    public static async Task<Lab> OpenAsync(bool withNames, CancellationToken cancellationToken)
    {
        // Not CreateTempSubdirectory: PostgreSQL, which root may not run, must be able to enter.
        var folder = Path.Combine(Path.GetTempPath(), $"identityserver-benchmarks-{Environment.ProcessId}");
        Directory.CreateDirectory(folder);
        var options = new LocalPostgresOptions { Directory = Path.Combine(folder, "postgres"), MaxConnections = 300 };
        var postgres = await LocalPostgresServer.StartAsync(options, NullLogger.Instance, cancellationToken);
        var countsStatements = await StatementCount.TryPrepareAsync(postgres.ConnectionString("postgres"), cancellationToken);
        if (countsStatements)
        {
            // The library is loaded at the start only.
            await postgres.DisposeAsync();
            postgres = await LocalPostgresServer.StartAsync(options, NullLogger.Instance, cancellationToken);
        }
        return new Lab(folder, postgres, withNames, countsStatements);
    }

    /// <summary>How many statements all databases have run; NaN: this PostgreSQL can't count them.</summary>
    public async Task<double> StatementsAsync(CancellationToken cancellationToken) =>
        _countsStatements ? await StatementCount.ReadAsync(_postgres.ConnectionString("postgres"), cancellationToken) : double.NaN;

    /// <summary>Only where the server is: the program chooses its pool size.</summary>
    public string ConnectionString(string database)
    {
        var all = new NpgsqlConnectionStringBuilder(_postgres.ConnectionString(database));
        all.Remove("Maximum Pool Size");
        all.Remove("Timeout");
        all.Remove("Command Timeout");
        return all.ConnectionString;
    }

    public async Task CreateDatabaseAsync(string database, CancellationToken cancellationToken) => await _postgres.EnsureDatabaseAsync(database, cancellationToken);

    public async Task DropDatabaseAsync(string database, CancellationToken cancellationToken)
    {
        await using var source = NpgsqlDataSource.Create(_postgres.ConnectionString("postgres"));
        await using var drop = source.CreateCommand($"DROP DATABASE IF EXISTS {database} WITH (FORCE)");
        await drop.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>A name for a new file in the folder.</summary>
    public string NewFile(string ending) => Path.Combine(Folder, $"{++_files}{ending}");

    /// <summary>The settings with which both programs would be deployed, on this machine.</summary>
    public Dictionary<string, string?> ServerSettings(string database, Uri address) => new()
    {
        ["ASPNETCORE_ENVIRONMENT"] = "Production",
        ["ASPNETCORE_URLS"] = address.ToString(),
        ["ConnectionStrings__IdentityServer"] = ConnectionString(database),
        ["IdentityServer__Issuer"] = Issuer.ToString().TrimEnd('/'),
        ["IdentityServer__AllowInsecureHttp"] = "true",
        ["DataProtection__CertificatePath"] = CertificatePath,
        ["Limits__Enabled"] = "false",
        ["Logging__LogLevel__Default"] = "Warning",
        ["Logging__LogLevel__Microsoft.Hosting.Lifetime"] = "Warning",
    };

    /// <param name="program">The name of a published project: <c>IdentityServer</c>, <c>ResourceApi</c>, <c>Floors</c>, a peer.</param>
    public MeasuredProgram Start(string program, IReadOnlyDictionary<string, string?> environment, params string[] arguments)
    {
        var probe = NewFile(".sock");
        return Start(program, probe, new Dictionary<string, string?>(environment)
        {
            ["DOTNET_STARTUP_HOOKS"] = Path.Combine(Published, "Probe", "Benchmarks.Probe.dll"),
            ["BENCHMARK_PROBE"] = probe,
        }, arguments);
    }

    /// <summary>Without the probe, which would count in the start and in the memory.</summary>
    public MeasuredProgram StartWithoutProbe(string program, IReadOnlyDictionary<string, string?> environment) => Start(program, probe: null, new(environment), []);

    private MeasuredProgram Start(string program, string? probe, Dictionary<string, string?> all, string[] arguments)
    {
        // As in our images (deploy/Dockerfile).
        if (program is "IdentityServer" or "ResourceApi")
            all["DOTNET_GCgen0size"] = "0x1000000";
        if (_withNames)
        {
            // The runtime then writes the names of compiled methods to a file for perf, which can't tell which mapping
            // is meant if their memory is mapped twice.
            all["DOTNET_PerfMapEnabled"] = "1";
            all["DOTNET_EnableWriteXorExecute"] = "0";
        }
        var assembly = Path.Combine(Published, program, program == "Floors" ? "Benchmarks.Floors.dll" : program + ".dll");
        return Keep(new MeasuredProgram(ProgramProcess.Start(assembly, arguments, all), probe));
    }

    public MeasuredProgram StartForeign(string program, string[] arguments, IReadOnlyDictionary<string, string?> environment, string folder) =>
        Keep(new MeasuredProgram(ProgramProcess.Start(program, arguments, environment, folder), probe: null));

    public async Task StopProgramsAsync()
    {
        while (_programs.TryPop(out var program))
            await program.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopProgramsAsync();
        NpgsqlConnection.ClearAllPools();
        await _postgres.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }

    private MeasuredProgram Keep(MeasuredProgram program)
    {
        _programs.Push(program);
        return program;
    }
}
