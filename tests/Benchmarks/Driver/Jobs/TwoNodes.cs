using System.Globalization;
using Testing;

namespace Benchmarks.Driver.Jobs;

/// <summary>Two of our servers on one database behind nginx, against one behind nginx: what a request costs, all nodes together.</summary>
internal static class TwoNodes
{
    /// <summary>Within 10% of the CPU of one node.</summary>
    private const double Target = 1 / 1.1;

    public static async Task RunAsync(Bench bench, CancellationToken cancellationToken)
    {
        await bench.Database.ClearAsync(cancellationToken);
        var one = await bench.StartServerAsync();
        var other = await bench.StartServerAsync(bench.Database, new Uri($"http://127.0.0.1:{ProgramProcess.FreePort()}"));
        var single = await StartProxyAsync(bench, one);
        var both = await StartProxyAsync(bench, one, other);
        await CompareAsync("client_credentials", ClientCredentials.Load);
        await CompareAsync("refresh", Refresh.Load((_, stop) => Refresh.TokensAsync(bench.Database, Refresh.Chains, stop)));

        async Task CompareAsync(string job, Load load) =>
            await new Contest($"{job}, two nodes against one", Target,
                [new Floor("one node", new LoadedProgram(bench.Wrk, single, load, one).MeasureAsync)], new LoadedProgram(bench.Wrk, both, load, one, other).MeasureAsync)
            { IsByCpu = true }
                .RunAsync(bench, one, cancellationToken);
    }

    /// <summary>nginx as in deploy/nginx.conf, without TLS and log: its own cost is not what is measured.</summary>
    private static async Task<MeasuredProgram> StartProxyAsync(Bench bench, params MeasuredProgram[] nodes)
    {
        var nginx = Array.Find(["/usr/sbin/nginx", "/usr/bin/nginx"], File.Exists) ?? throw new InvalidOperationException("nginx is missing.");
        var folder = Directory.CreateDirectory(bench.Lab.NewFile(".nginx")).FullName;
        var port = ProgramProcess.FreePort().ToString(CultureInfo.InvariantCulture);
        var file = Path.Combine(folder, "nginx.conf");
        await File.WriteAllTextAsync(file,
            $$"""
            {{(Environment.IsPrivilegedProcess ? "user root;" : "")}}
            worker_processes 1;
            pid {{folder}}/nginx.pid;
            events { worker_connections 1024; }
            http {
              access_log off;
              client_body_temp_path {{folder}}/body;
              proxy_temp_path {{folder}}/proxy;
              fastcgi_temp_path {{folder}}/fastcgi;
              uwsgi_temp_path {{folder}}/uwsgi;
              scgi_temp_path {{folder}}/scgi;
              keepalive_requests 100000000;
              upstream nodes {
                {{string.Concat(nodes.Select(node => $"server {node.Address.Authority};"))}}
                keepalive 64;
                keepalive_requests 100000000;
              }
              server {
                listen 127.0.0.1:{{port}};
                location / {
                  proxy_pass http://nodes;
                  proxy_http_version 1.1;
                  proxy_set_header Connection "";
                  proxy_set_header Host $http_host;
                  proxy_set_header X-Forwarded-For $remote_addr;
                  proxy_set_header X-Forwarded-Proto $scheme;
                }
              }
            }
            """);
        var proxy = bench.Lab.StartForeign(nginx, ["-e", Path.Combine(folder, "error.log"), "-c", file, "-g", "daemon off;"],
            new Dictionary<string, string?> { ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{port}" }, folder);
        await proxy.AnswersAsync("/.well-known/openid-configuration");
        return proxy;
    }
}
