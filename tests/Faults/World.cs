using System.Globalization;
using Npgsql;
using Testing;

namespace Faults;

/// <summary>How a fault's world differs from the usual one.</summary>
internal sealed record WorldSettings
{
    public int Servers { get; init; } = 2;

    public int Apis { get; init; } = 2;

    /// <summary>Lines of postgresql.conf.</summary>
    public string[] Postgres { get; init; } = [];

    /// <summary>Settings of the IdentityServer, in addition to the usual ones.</summary>
    public Dictionary<string, string?> Server { get; init; } = [];

    /// <summary>Appended to the connection string of both programs.</summary>
    public string Connection { get; init; } = "";

    /// <summary>The programs reach PostgreSQL by this proxy's port instead.</summary>
    public bool HasProxy { get; init; }

    /// <summary>Runs before the cluster's folder exists.</summary>
    public Func<string, Task>? PrepareFolderAsync { get; init; }

    /// <summary>Runs before the programs start; returns what to append to their connection string.</summary>
    public Func<World, Task<string>>? PrepareAsync { get; init; }
}

/// <summary>What one fault hits: a PostgreSQL, nodes of both programs on it, and a ledger.</summary>
internal sealed class World : IAsyncDisposable
{
    public const string IdentityDatabase = "identity";
    public const string DataDatabase = "data";

    /// <summary>As in our images (docs/operations.md): otherwise the heap grows with the processor's cache.</summary>
    private const string YoungGeneration = "0x1000000";

    private readonly Lab _lab;
    private readonly Tally _tally;
    private readonly string _folder;
    private readonly WorldSettings _settings;
    private string _connection;
    private int _mailLost;

    private World(Lab lab, Tally tally, string folder, WorldSettings settings, Postgres postgres)
    {
        (_lab, _tally, _folder, _settings, Postgres) = (lab, tally, folder, settings, postgres);
        _connection = settings.Connection;
        Ledger = new Ledger(Path.Combine(folder, "ledger"));
        Mail = new Mailbox(Path.Combine(folder, "mail"));
    }

    public Postgres Postgres { get; }

    public TcpProxy? Proxy { get; private set; }

    public Ledger Ledger { get; }

    public Mailbox Mail { get; }

    public string Folder => _folder;

    public List<Node> ServerNodes { get; } = [];

    public List<Node> ApiNodes { get; } = [];

    public IReadOnlyList<Target> Servers { get; set; } = [];

    public IReadOnlyList<Target> Apis { get; set; } = [];

    public IEnumerable<Target> Targets => Servers.Concat(Apis).Distinct();

    public IEnumerable<Node> Nodes => ServerNodes.Concat(ApiNodes);

    public static async Task<World> OpenAsync(Lab lab, Tally tally, WorldSettings? settings = null)
    {
        settings ??= new WorldSettings();
        var folder = Path.Combine(lab.Folder, tally.Fault);
        Directory.CreateDirectory(folder);
        var data = await Postgres.NewFolderAsync(Path.Combine(folder, "postgres"));
        if (settings.PrepareFolderAsync is { } prepare)
            await prepare(data);
        var postgres = await Postgres.CopyAsync(lab.Template, Path.Combine(data, "data"), settings.Postgres);
        var world = new World(lab, tally, folder, settings, postgres);
        try
        {
            await postgres.StartAsync();
            await postgres.ExecuteAsync("postgres", $"CREATE DATABASE {IdentityDatabase}");
            await postgres.ExecuteAsync("postgres", $"CREATE DATABASE {DataDatabase}");
            if (settings.PrepareAsync is { } prepareServer)
                world._connection = await prepareServer(world);
            if (settings.HasProxy)
                world.Proxy = TcpProxy.Start(postgres.Port);
            await world.StartNodesAsync();
            return world;
        }
        catch
        {
            await world.DisposeAsync();
            throw;
        }
    }

    public void CountMailLost() => Interlocked.Increment(ref _mailLost);

    /// <summary>Another node of the same issuer, not started.</summary>
    public Node NewServer(Dictionary<string, string?>? settings = null)
    {
        var address = Address();
        var environment = new Dictionary<string, string?>
        {
            ["ASPNETCORE_ENVIRONMENT"] = "Production",
            ["ASPNETCORE_URLS"] = address,
            ["ConnectionStrings__IdentityServer"] = Connection(IdentityDatabase),
            ["IdentityServer__Issuer"] = ServerNodes.Count == 0 ? address : ServerNodes[0].Address.GetLeftPart(UriPartial.Authority),
            ["IdentityServer__AllowInsecureHttp"] = "true",
            ["IdentityServer__Manifest"] = _lab.ManifestPath,
            ["DataProtection__CertificatePath"] = _lab.Certificate,
            ["Mail__Directory"] = Mail.Folder,
            ["Limits__Enabled"] = "false",
            ["Password__Iterations"] = "1000",
            // Longer than any outage here: a client that asks again must get its answer, even late.
            ["RefreshTokens__Leeway"] = "120",
            // Less than what counts as a hang here.
            ["Limits__RequestTimeout"] = "15",
            ["Logging__LogLevel__Default"] = "Warning",
            ["DOTNET_GCgen0size"] = YoungGeneration,
        };
        foreach (var (name, value) in _settings.Server.Concat(settings ?? []))
            environment[name] = value;
        return new Node($"server{ServerNodes.Count + 1}", Program("IdentityServer"), environment);
    }

    /// <summary>The programs' connection string, through the proxy if there is one.</summary>
    public string Connection(string database)
    {
        var all = new NpgsqlConnectionStringBuilder(Postgres.ConnectionString(database));
        if (Proxy is not null)
            all.Port = Proxy.Port;
        return all.ConnectionString + ";" + _connection;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var target in Targets)
            target.Dispose();
        await Task.WhenAll(Nodes.Select(node => node.DisposeAsync().AsTask()));
        if (_mailLost > 0)
            _tally.Note(string.Create(CultureInfo.InvariantCulture, $"{_mailLost} reset requests were answered 202 and their message did not come within 3 s; asked again, it came"));
        if (!_tally.IsPassed)
            await KeepLogsAsync();
        if (Proxy is not null)
            await Proxy.DisposeAsync();
        await Postgres.DisposeAsync();
        Ledger.Dispose();
    }

    private async Task StartNodesAsync()
    {
        for (var i = 0; i < _settings.Servers; i++)
            ServerNodes.Add(NewServer());
        // All at once, which is faster: on an empty database they migrate under a lock.
        foreach (var node in ServerNodes)
            node.Start();
        for (var i = 0; i < _settings.Apis; i++)
            ApiNodes.Add(NewApi(ServerNodes[i % ServerNodes.Count]));
        await Task.WhenAll(ServerNodes.Select(node => node.IsReadyAsync()));
        foreach (var node in ApiNodes)
            node.Start();
        await Task.WhenAll(ApiNodes.Select(node => node.IsReadyAsync()));
        Servers = [.. ServerNodes.Select(node => new Target(node.Name, node.Address))];
        Apis = [.. ApiNodes.Select(node => new Target(node.Name, node.Address))];
    }

    private Node NewApi(Node server) => new($"api{ApiNodes.Count + 1}", Program("ResourceApi"), new Dictionary<string, string?>
    {
        ["ASPNETCORE_ENVIRONMENT"] = "Production",
        ["ASPNETCORE_URLS"] = Address(),
        ["ConnectionStrings__ResourceApi"] = Connection(DataDatabase),
        ["ResourceApi__Authority"] = ServerNodes[0].Address.GetLeftPart(UriPartial.Authority),
        ["ResourceApi__BackchannelAddress"] = server.Address.GetLeftPart(UriPartial.Authority),
        ["ResourceApi__Resource"] = Lab.Resource,
        ["ResourceApi__ClientId"] = "resource-api",
        ["ResourceApi__ClientSecret"] = "resource-api-secret",
        ["ResourceApi__AllowInsecureHttp"] = "true",
        ["Limits__RequestTimeout"] = "15",
        ["Logging__LogLevel__Default"] = "Warning",
        ["DOTNET_GCgen0size"] = YoungGeneration,
    });

    private async Task KeepLogsAsync()
    {
        Directory.CreateDirectory(Lab.Logs);
        foreach (var node in Nodes)
            await File.WriteAllLinesAsync(Path.Combine(Lab.Logs, $"{_tally.Fault}.{node.Name}.log"), node.Lines);
        File.Copy(Postgres.Folder + ".log", Path.Combine(Lab.Logs, $"{_tally.Fault}.postgres.log"), overwrite: true);
    }

    private static string Address() => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Ports.Next()}");

    private static string Program(string name)
    {
#if DEBUG
        const string build = "Debug";
#else
        const string build = "Release";
#endif
        return Path.Combine(Repository.Root, "src", name, "bin", build, "net10.0", name + ".dll");
    }
}
