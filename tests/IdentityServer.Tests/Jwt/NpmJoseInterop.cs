using System.Buffers.Text;
using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using IdentityServer.Protocol.Jwt;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Jwt;

/// <summary>
/// The most used implementation of these RFCs, npm's <c>jose</c>, reads what we write and writes what we read.
/// Runs where npm is installed; CI requires it.
/// </summary>
public sealed class NpmJoseInterop
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static bool IsRequired => Environment.GetEnvironmentVariable("CI") == "true";

    [Fact, Rfc("7515"), Rfc("7517"), Rfc("7638")]
    public async Task Npm_jose_and_we_read_each_others_tokens()
    {
        var folder = Directory.CreateTempSubdirectory("jose-interop-").FullName;
        try
        {
            if (await Installed(folder) is { } obstacle)
            {
                Assert.False(IsRequired, obstacle);
                Assert.Skip(obstacle);
            }

            SigningKey[] keys = [Issuer.ES256.Key, Issuer.RS256.Key];
            var now = new TestClock().GetUtcNow();
            string[] ours = [Ours(Issuer.ES256, now), Ours(Issuer.RS256, now)];

            var (exitCode, output, errors) = await Run(folder, "node", ["interop.mjs"], Question(keys, ours));

            Assert.True(exitCode == 0, errors);
            var answer = Issuer.Json(output);
            TheyVerifiedOurs(answer.GetProperty("verified"), keys);
            Assert.Equal(keys.Select(key => key.KeyId), Strings(answer.GetProperty("thumbprints")));
            WeVerifyTheirs(answer.GetProperty("theirs"), new TestClock().GetUtcNow());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Ours(Issuer issuer, DateTimeOffset now) => issuer.Key.CreateSigner("at+jwt").Sign(Encoding.UTF8.GetBytes(new JsonObject
    {
        ["iss"] = Issuer.Name,
        ["sub"] = "alice",
        ["aud"] = Issuer.Api,
        ["iat"] = now.ToUnixTimeSeconds(),
        ["exp"] = now.ToUnixTimeSeconds() + 300,
        ["name"] = "Zoë 😀",
    }.ToJsonString()));

    private static void TheyVerifiedOurs(JsonElement verified, SigningKey[] keys)
    {
        Assert.Equal(2, verified.GetArrayLength());
        foreach (var (token, key) in verified.EnumerateArray().Zip(keys))
        {
            Assert.Equal(key.Algorithm, token.GetProperty("header").GetProperty("alg").GetString());
            Assert.Equal(key.KeyId, token.GetProperty("header").GetProperty("kid").GetString());
            Assert.Equal("Zoë 😀", token.GetProperty("claims").GetProperty("name").GetString());
        }
    }

    private static void WeVerifyTheirs(JsonElement theirs, DateTimeOffset now)
    {
        var verifier = Issuer.Read(Encoding.UTF8.GetBytes(theirs.GetRawText()));
        Assert.Equal(Strings(theirs.GetProperty("thumbprints")), verifier.Keys.Select(key => Base64Url.EncodeToString(key.ComputeJwkThumbprint())));

        var tokens = Strings(theirs.GetProperty("tokens"));
        Assert.Equal(3, tokens.Count);
        foreach (var token in tokens)
        {
            Assert.Equal(JwtError.None, verifier.Verify(token, Issuer.Expectations with { ClockSkew = TimeSpan.FromSeconds(5) }, now, out var claims));
            Assert.Equal(("bob", "j1", "shop", "Zoë 😀"), (claims!.Subject, claims.JwtId, claims.ClientId, claims.GetString("name")));
        }
    }

    private static string Question(SigningKey[] keys, string[] tokens)
    {
        using var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json))
        {
            writer.WriteStartObject();
            writer.WritePropertyName("jwks");
            writer.WriteRawValue(Issuer.Jwks(keys));
            writer.WriteStartArray("tokens");
            foreach (var token in tokens)
                writer.WriteStringValue(token);
            writer.WriteEndArray();
            writer.WriteString("issuer", Issuer.Name);
            writer.WriteString("audience", Issuer.Api);
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(json.ToArray());
    }

    /// <summary>Null when <c>jose</c> is in the folder, else why it is not.</summary>
    private static async Task<string?> Installed(string folder)
    {
        foreach (var file in new[] { "package.json", ".npmrc", "interop.mjs" })
            File.Copy(Path.Combine(AppContext.BaseDirectory, "Jwt", "interop", file), Path.Combine(folder, file));

        try
        {
            var (exitCode, _, errors) = await Run(folder, "npm", ["install", "--ignore-scripts"], "");
            return exitCode == 0 ? null : $"npm install of jose failed: {errors.Trim()}";
        }
        catch (Win32Exception)
        {
            return "npm is not on this machine.";
        }
    }

    private static async Task<(int ExitCode, string Output, string Errors)> Run(string folder, string program, string[] arguments, string input)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
            StandardOutputEncoding = Encoding.UTF8,
        };
        using var process = Process.Start(start)!;
        using var timeout = new CancellationTokenSource(Patience);
        try
        {
            await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
            var output = process.StandardOutput.ReadToEndAsync(timeout.Token);
            var errors = process.StandardError.ReadToEndAsync(timeout.Token);
            await process.WaitForExitAsync(timeout.Token);
            return (process.ExitCode, await output, await errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            return (-1, "", $"{program} did not end within {Patience}.");
        }
    }

    private static List<string> Strings(JsonElement array) => [.. array.EnumerateArray().Select(item => item.GetString()!)];
}
