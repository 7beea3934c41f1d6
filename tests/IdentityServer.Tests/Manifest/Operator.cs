using System.Diagnostics;
using IdentityServer.Clients;
using IdentityServer.Manifest;
using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Manifest;

/// <summary>What an operator does with a manifest.</summary>
internal static class Operator
{
    /// <summary>Applies it as the command `apply` does, and waits until this node follows.</summary>
    public static async Task<ChangeList> AppliesAsync(this ServerUnderTest server, string json, bool prune = false, Dictionary<string, string>? environment = null)
    {
        using var file = new ManifestFile(json);
        return await server.AppliesAsync(file, prune, environment);
    }

    public static async Task<ChangeList> AppliesAsync(this ServerUnderTest server, ManifestFile file, bool prune = false, Dictionary<string, string>? environment = null)
    {
        var manifest = ManifestReader.Read(file.Path, name => environment?.GetValueOrDefault(name));
        ChangeList? changes = null;
        await Database.PrepareAsync(
            server.Services,
            async (connection, cancellationToken) => changes = await server.Services.GetRequiredService<ManifestApplication>().ApplyAsync(connection, manifest, prune, cancellationToken),
            CancellationToken.None);
        await server.FollowsAsync();
        return changes!;
    }

    /// <summary>The program as a process of its own.</summary>
    public static ProgramProcess Run(string connectionString, string environment, params string[] command) => ProgramProcess.Start(
        Path.Combine(AppContext.BaseDirectory, "IdentityServer.dll"),
        [
            .. command,
            $"--environment={environment}",
            $"--ConnectionStrings:IdentityServer={connectionString}",
            "--IdentityServer:Issuer=https://identity.test",
            "--Password:Iterations=1000",
            $"--DataProtection:CertificatePath={Path.Combine(Repository.Root, ".data", "tests-data-protection.pfx")}",
        ],
        workingDirectory: AppContext.BaseDirectory);

    /// <summary>Running nodes follow an apply within 5 s.</summary>
    public static async Task FollowsAsync(this ServerUnderTest server)
    {
        var version = await server.VersionAsync();
        var started = Stopwatch.GetTimestamp();
        while (server.Services.GetRequiredService<CurrentConfiguration>().Value.Version < version)
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(5), "The node did not follow within 5 s.");
            await Task.Delay(20);
        }
    }

    public static Task<long> VersionAsync(this ServerUnderTest server) =>
        server.AskAsync(db => db.Configuration.Select(row => row.Version).SingleAsync());

    public static async Task<T> AskAsync<T>(this ServerUnderTest server, Func<AuthDb, Task<T>> ask)
    {
        await using var scope = server.Services.CreateAsyncScope();
        return await ask(scope.ServiceProvider.GetRequiredService<AuthDb>());
    }

    public static Task<Answer> ActsAsync(this ServerUnderTest server, string clientId, string secret, string? scope = null) =>
        server.PostFormAsync(
            "/connect/token",
            scope is null ? [("grant_type", "client_credentials")] : [("grant_type", "client_credentials"), ("scope", scope)],
            Calls.Basic(clientId, secret));

    public static async Task<bool> IsActiveAsync(this ServerUnderTest server, Answer tokens) =>
        (await server.IntrospectsAsync(tokens.AccessToken)).Json.GetProperty("active").GetBoolean();
}

/// <summary>A manifest in a folder of its own.</summary>
internal sealed class ManifestFile : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("manifest-");

    public ManifestFile(string json) => Write("manifest.json", json);

    public string Path => System.IO.Path.Combine(_folder.FullName, "manifest.json");

    public void Write(string name, string text) => File.WriteAllText(System.IO.Path.Combine(_folder.FullName, name), text);

    public void Dispose() => _folder.Delete(recursive: true);
}
