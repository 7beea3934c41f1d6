using System.Net.Http.Headers;
using System.Text;
using Testing;

namespace Benchmarks.Driver;

/// <summary>What every job works with, and where its rows go.</summary>
internal sealed class Bench(Lab lab, Options options, BenchmarkDatabase database)
{
    private readonly List<Row> _rows = [];
    private readonly List<string> _notes = [];

    public Lab Lab => lab;

    public Options Options => options;

    public BenchmarkDatabase Database => database;

    public Wrk Wrk { get; } = new(lab, options.Threads);

    public IReadOnlyList<Row> Rows => _rows;

    public IReadOnlyList<string> Notes => _notes;

    /// <summary>A form of the OAuth endpoints with a client's credentials.</summary>
    public static Load Form(string shape, string path, string clientId = BenchmarkDatabase.ClientId) => new(shape, "POST", path)
    {
        Headers = { ["Authorization"] = "Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes($"{clientId}:{BenchmarkDatabase.ClientSecret}")), ["Content-Type"] = "application/x-www-form-urlencoded" },
    };

    /// <summary>Reported at once, because a full run takes long.</summary>
    public void Add(Row row)
    {
        _rows.Add(row);
        _notes.Add($"- {row.Job} {row.Connections}".TrimEnd());
        Console.Error.WriteLine(Table.Line(row));
    }

    /// <summary>What explains a row.</summary>
    public void Note(string text)
    {
        _notes.Add("  - " + text);
        Console.Error.WriteLine("    " + text);
    }

    /// <summary>Our server on <see cref="Database"/>, ready.</summary>
    /// <param name="settings">In addition to those that every server here has.</param>
    public Task<MeasuredProgram> StartServerAsync(params (string Name, string Value)[] settings) => StartServerAsync(database, lab.Issuer, settings);

    public async Task<MeasuredProgram> StartServerAsync(BenchmarkDatabase of, Uri address, params (string Name, string Value)[] settings)
    {
        var environment = lab.ServerSettings(of.Name, address);
        foreach (var (name, value) in settings)
            environment[name] = value;
        var server = lab.Start("IdentityServer", environment);
        await server.AnswersAsync("/.well-known/openid-configuration");
        return server;
    }

    /// <param name="answer">Our server's answer, which the floor sends too.</param>
    /// <param name="settings">The floor's own.</param>
    public async Task<MeasuredProgram> StartFloorAsync(string mode, byte[] answer, params (string Name, string Value)[] settings)
    {
        var file = lab.NewFile(".answer");
        await File.WriteAllBytesAsync(file, answer);
        var environment = settings.ToDictionary(setting => setting.Name, string? (setting) => setting.Value);
        environment["ASPNETCORE_URLS"] = $"http://127.0.0.1:{ProgramProcess.FreePort()}";
        var floor = lab.Start("Floors", environment, mode, file);
        await floor.ListensAsync();
        return floor;
    }

    /// <summary>One request as the load sends it; once checked, its answer is what the floors send.</summary>
    public static async Task<byte[]> AskAsync(MeasuredProgram program, Load load, string? body, string? path = null)
    {
        using var http = new HttpClient { BaseAddress = program.Address };
        using var request = new HttpRequestMessage(new HttpMethod(load.Method), path ?? load.Path);
        if (body is not null)
            request.Content = new StringContent(body, Encoding.ASCII, MediaTypeHeaderValue.Parse(load.Headers["Content-Type"]));
        if (load.Headers.TryGetValue("Authorization", out var credentials))
            request.Headers.Authorization = AuthenticationHeaderValue.Parse(credentials);
        using var response = await http.SendAsync(request);
        var answer = await response.Content.ReadAsByteArrayAsync();
        return (int)response.StatusCode == load.Status
            ? answer
            : throw new InvalidOperationException($"{load.Method} {load.Path} is answered {(int)response.StatusCode}: {Encoding.UTF8.GetString(answer)}");
    }
}
