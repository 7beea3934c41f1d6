using System.Net;
using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Manifest;

/// <summary>Outside Development a client's secret has 16 characters or more, wherever it comes from.</summary>
public sealed class ManifestSecretTests
{
    private const string Short = "fifteen letters";

    [Theory]
    [InlineData("\"client_secret\":\"fifteen letters\"", "client_secret has 15 characters; it must have at least 16.")]
    [InlineData("\"client_secret\":\"x\"", "client_secret has 1 character; it must have at least 16.")]
    [InlineData("\"client_secret\":[\"a secret that is long enough\",\"fifteen letters\"]", "client_secret[1] has 15 characters; it must have at least 16.")]
    [InlineData("\"client_secret\":\"$SHORT_CLIENT_SECRET_OF_A_TEST\"", "client_secret asks for the environment variable SHORT_CLIENT_SECRET_OF_A_TEST, which has 15 characters; it must have at least 16.")]
    [InlineData("\"client_secret_file\":\"short.txt\"", "client_secret_file names the file short.txt, which has 15 characters; it must have at least 16.")]
    [InlineData("\"client_secret\":\"😀😀😀😀😀😀😀😀\"", "client_secret has 8 characters; it must have at least 16.")]
    public async Task A_short_secret_of_a_client_is_refused_outside_Development(string member, string why)
    {
        Environment.SetEnvironmentVariable("SHORT_CLIENT_SECRET_OF_A_TEST", Short);
        await using var database = await TestDatabase.CreateEmptyAsync();
        using var file = new ManifestFile($$"""{"clients":[{"client_id":"kiosk",{{member}},"grant_types":["client_credentials"]}]}""");
        file.Write("short.txt", Short + "\n");

        var refused = await Assert.ThrowsAsync<StartupException>(() => StartAsync(database, file, "Staging"));

        Assert.Equal($"The manifest {file.Path} is not applied: $.clients[0].{why}", refused.Message);
        Assert.DoesNotContain(Short, refused.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Staging", "sixteen letters!")]
    [InlineData("Development", "x")]
    public async Task A_secret_of_16_characters_is_long_enough_and_in_Development_any_length_is(string environment, string secret)
    {
        await using var database = await TestDatabase.CreateEmptyAsync();
        using var file = new ManifestFile($$"""{"clients":[{"client_id":"kiosk","client_secret":"{{secret}}","grant_types":["client_credentials"]}]}""");

        await using var server = await StartAsync(database, file, environment);

        Assert.Equal(HttpStatusCode.OK, (await server.ActsAsync("kiosk", secret)).Status);
    }

    private static Task<ServerUnderTest> StartAsync(TestDatabase database, ManifestFile file, string environment) => ServerUnderTest.StartOnAsync(
        database.ConnectionString, $"--environment={environment}", $"--IdentityServer:Manifest={file.Path}", "--IdentityServer:Issuer=https://identity.test");
}
