using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Operations;

/// <summary>No query and no secret is in the log, whatever the operator sets below <c>Logging</c>.</summary>
public sealed class LoggingSettingsTests
{
    private const string Canary = "canary-of-a-query";

    private static readonly string[] Targets =
    [
        $"/account/reset-password?token={Canary}&email={Canary}", $"/account/confirm-email?token={Canary}", $"/account/login?return_url={Canary}",
        $"/connect/authorize?response_type=code&client_id=shop&redirect_uri={Canary}&state={Canary}&code_challenge={Canary}&nonce={Canary}",
        $"/connect/logout?id_token_hint={Canary}&state={Canary}", $"/connect/token?client_secret={Canary}", $"/connect/userinfo?access_token={Canary}",
        $"/connect/device?user_code={Canary}", $"/.well-known/jwks?x={Canary}", $"/nothing?code={Canary}", $"/health/live?{Canary}",
        $"/%00?code={Canary}", $"/%c0%80?code={Canary}", $"/x\u0001?code={Canary}", $"/\u00e4?code={Canary}", $"x?code={Canary}",
    ];

    // So that Origin and X-Forwarded-For are read at all.
    private static readonly string[] Headers = ["--Cors:Origins:0=https://app.example.com", "--ForwardedHeaders:KnownProxies:0=127.0.0.1"];

    public static TheoryData<string> Settings =>
    [
        "Logging:{0}:LogLevel:Default=Information",
        "Logging:{0}:LogLevel:Default=Trace",
        "Logging:LogLevel:Default=Trace Logging:LogLevel:Microsoft=Trace",
        "Logging:{0}:LogLevel:Microsoft.AspNetCore.Hosting.Diagnostics=Trace Logging:{0}:LogLevel:Microsoft.AspNetCore.Server.Kestrel.BadRequests=Trace Logging:{0}:LogLevel:Default=Debug",
        "Logging:{0}:LogLevel:Default=Information Logging:{0}:FormatterName=json Logging:{0}:FormatterOptions:IncludeScopes=true",
    ];

    [Theory, MemberData(nameof(Settings))]
    public async Task No_query_is_in_the_log_of_any_provider(string settings)
    {
        await using var server = await ServerUnderTest.StartConnectedAsync("Log Parameters=true;Include Error Detail=true", [.. For("Captured", settings), .. Headers]);
        await AskAsync(server.Address);
        var name = await server.HasUserAsync("canary-of-a-password");
        await server.SignsInAsync(name, "canary-of-a-password");

        // The line is written after the answer.
        await Around.SoonAsync(() => Task.FromResult(server.Log.Lines.Any(line => line.Contains("POST /connect/token answered 200", StringComparison.Ordinal))), "the last request has its line");
        var leaks = server.Log.Lines.Where(line => line.Contains("canary", StringComparison.OrdinalIgnoreCase)).ToList();
        Assert.True(leaks.Count == 0, string.Join('\n', leaks.Take(5)));
    }

    [Theory, MemberData(nameof(Settings))]
    public async Task No_query_is_on_the_console(string settings)
    {
        await using var origin = await ServerUnderTest.StartAsync();
        await using var program = ProgramProcess.Start(
            Path.Combine(AppContext.BaseDirectory, "IdentityServer.dll"),
            [
                "--environment=Production", "--IdentityServer:Issuer=http://localhost", "--IdentityServer:AllowInsecureHttp=true", $"--ConnectionStrings:IdentityServer={origin.ConnectionString};Log Parameters=true",
                $"--DataProtection:CertificatePath={Path.Combine(Repository.Root, ".data", "tests-data-protection.pfx")}", "--Mail:Directory=" + Path.GetTempPath(),
                .. For("Console", settings), .. Headers,
            ],
            workingDirectory: AppContext.BaseDirectory);
        await program.AnswersAsync();
        await AskAsync(program.Address);
        Assert.Equal(0, await program.TerminateAsync());

        Assert.Contains(program.Lines, line => line.Contains("GET /.well-known/jwks answered 200", StringComparison.Ordinal));
        var leaks = program.Lines.Where(line => line.Contains("canary", StringComparison.OrdinalIgnoreCase)).ToList();
        Assert.True(leaks.Count == 0, string.Join('\n', leaks.Take(5)));
    }

    [Fact]
    public async Task Request_lines_are_off_unless_asked_for()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await AskAsync(server.Address);

        Assert.DoesNotContain(server.Log.Lines, line => line.Contains(" answered ", StringComparison.Ordinal));
    }

    private static string[] For(string provider, string settings) => [.. settings.Split(' ').Select(setting => "--" + setting.Replace("{0}", provider, StringComparison.Ordinal))];

    private static async Task AskAsync(Uri address)
    {
        foreach (var target in Targets)
            await RawHttp.SendsRawAsync(address, $"GET {target} HTTP/1.1\nHost: localhost\nConnection: close\nAuthorization: Bearer {Canary}\nOrigin: https://{Canary}.example\nX-Forwarded-For: {Canary}\n\n");
        await RawHttp.SendsRawAsync(address, $"GET {Canary}\n\n");
    }
}
