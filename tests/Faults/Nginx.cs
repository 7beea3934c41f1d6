using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Testing;

namespace Faults;

/// <summary>nginx with deploy/nginx.conf, in front of several nodes of both programs, without TLS.</summary>
internal sealed partial class Nginx : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _folder;

    private Nginx(Process process, string folder, Uri address) => (_process, _folder, Address) = (process, folder, address);

    public Uri Address { get; }

    /// <summary>Null: nginx is not installed.</summary>
    public static string? Path { get; } = Array.Find(["/usr/sbin/nginx", "/usr/bin/nginx", "/opt/homebrew/bin/nginx"], File.Exists);

    public static async Task<Nginx> StartAsync(string folder, IEnumerable<Uri> servers, IEnumerable<Uri> apis)
    {
        Directory.CreateDirectory(folder);
        var port = Ports.Next();
        var rules = await File.ReadAllTextAsync(System.IO.Path.Combine(Repository.Root, "deploy", "nginx.conf"));
        rules = Upstream().Replace(rules, found => $"upstream {found.Groups[1].Value} {{\n    zone {found.Groups[1].Value} 64k;\n{Nodes(found.Groups[1].Value == "resourceapi" ? apis : servers)}    keepalive 64;\n  }}");
        rules = Ssl().Replace(rules, "");
        rules = rules.Replace("listen 443 ssl http2;", string.Create(CultureInfo.InvariantCulture, $"listen 127.0.0.1:{port};"), StringComparison.Ordinal)
            .Replace("/tmp/", folder + "/", StringComparison.Ordinal)
            .Replace("/dev/stdout", folder + "/access.log", StringComparison.Ordinal)
            .Replace("/dev/stderr", folder + "/error.log", StringComparison.Ordinal);
        if (Environment.IsPrivilegedProcess)
            rules = "user root;\n" + rules;
        var file = System.IO.Path.Combine(folder, "nginx.conf");
        await File.WriteAllTextAsync(file, rules);

        var process = Process.Start(Path!, ["-e", folder + "/error.log", "-c", file, "-g", "daemon off;"]);
        Running.Add(process.Id, "TERM");
        var nginx = new Nginx(process, folder, new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}")));
        await nginx.AnswersAsync();
        return nginx;
    }

    /// <summary>Its warnings: which node it missed, and when.</summary>
    public IEnumerable<string> Errors => File.ReadLines(_folder + "/error.log");

    /// <summary>Requests that it answered with an error of its own.</summary>
    public IEnumerable<string> Failures => File.ReadLines(_folder + "/access.log").Where(line => Failed().IsMatch(line));

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await Signals.SendAsync("TERM", _process.Id);
            await _process.WaitForExitAsync();
        }
        Running.Remove(_process.Id);
        _process.Dispose();
    }

    private static string Nodes(IEnumerable<Uri> nodes) =>
        string.Concat(nodes.Select(node => $"    server {node.Authority} fail_timeout=1s;\n"));

    private async Task AnswersAsync()
    {
        using var client = new HttpClient { BaseAddress = Address };
        for (var tries = 0; ; tries++)
        {
            try
            {
                using var response = await client.GetAsync(new Uri("/health/live", UriKind.Relative));
                if (response.IsSuccessStatusCode)
                    return;
            }
            catch (HttpRequestException) when (tries < 100 && !_process.HasExited)
            {
                // Not up yet.
            }
            if (tries >= 100)
                throw new TimeoutException($"nginx does not answer: {string.Join('\n', Errors)}");
            await Task.Delay(TimeSpan.FromMilliseconds(50));
        }
    }

    [GeneratedRegex(@"upstream (\w+) \{[^}]*\}")]
    private static partial Regex Upstream();

    [GeneratedRegex(@"^\s*ssl_.*$\n?", RegexOptions.Multiline)]
    private static partial Regex Ssl();

    [GeneratedRegex(@" 50\d ")]
    private static partial Regex Failed();
}
