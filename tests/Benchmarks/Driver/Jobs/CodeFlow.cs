using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Benchmarks.Driver.Jobs;

/// <summary>
/// The authorization code flow of users who are signed in, with PKCE and an ID token: a request for the code and one that
/// redeems it. Figures are of both together, against OpenIddict as it comes.
/// </summary>
internal static class CodeFlow
{
    private const string Verifier = "a-verifier-of-some-length-0123456789-._~ABCDEF";
    private const double MostStatements = 6;

    public static async Task RunAsync(Bench bench, CancellationToken cancellationToken)
    {
        await bench.Database.ClearAsync(cancellationToken);
        var peer = await OpenIddictServer.StartAsync(bench, cancellationToken);
        var server = await bench.StartServerAsync();
        List<string> theirCookies = [], ourCookies = [];
        for (var n = 0; n < OpenIddictServer.Users; n++)
        {
            theirCookies.Add(await peer.SignInBrowserAsync(n));
            ourCookies.Add(await bench.Database.SignInBrowserAsync(n));
        }
        var theirs = Measure(peer.With(bench.Wrk, Load(BenchmarkDatabase.ClientId, theirCookies)));
        var ours = Measure(new LoadedProgram(bench.Wrk, server, Load(BenchmarkDatabase.WebClientId, ourCookies)));
        var rows = await new Contest("authorization code flow against OpenIddict", Target: null, [new Floor("OpenIddict", theirs)], ours).RunAsync(bench, server, cancellationToken);
        if (rows[0].Figures is { } figures && !double.IsNaN(figures.Statements))
            bench.Add(Row.Limit("round trips of an authorization code flow", figures.Statements, MostStatements, ""));
    }

    private static Load Load(string clientId, IEnumerable<string> cookies)
    {
        var challenge = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier)));
        var callback = Uri.EscapeDataString(BenchmarkDatabase.WebCallback);
        return Bench.Form("code", "/connect/token", clientId) with
        {
            AuthorizePath = $"/connect/authorize?client_id={clientId}&response_type=code&redirect_uri={callback}&scope=openid%20data%3Aread&state=the-state&nonce=the-nonce&code_challenge={challenge}&code_challenge_method=S256",
            Tokens = (_, _) => Task.FromResult(cookies),
            Around = ("grant_type=authorization_code&code=", $"&redirect_uri={callback}&code_verifier={Uri.EscapeDataString(Verifier)}"),
            Parts = ["\"access_token\":\"eyJ", "\"id_token\":\"eyJ"],
        };
    }

    private static Measurement Measure(LoadedProgram program) => async (connections, seconds, cancellationToken) =>
    {
        var sample = await program.MeasureAsync(connections, seconds, cancellationToken);
        return sample with
        {
            Rate = sample.Rate / 2, P50 = double.NaN, P99 = double.NaN,
            ServerCpu = sample.ServerCpu * 2, DatabaseCpu = sample.DatabaseCpu * 2, Allocated = sample.Allocated * 2, Statements = sample.Statements * 2,
        };
    };
}
