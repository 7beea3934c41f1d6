using System.Net;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Manifest;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace IdentityServer.Tests.Operations;

/// <summary>What an import refuses, and what it says about it.</summary>
public sealed class ImportRefusalTests : IAsyncLifetime
{
    private ServerUnderTest _server = null!;
    private ForeignServer _foreign = null!;

    public async ValueTask InitializeAsync() => (_server, _foreign) = (await ServerUnderTest.StartAsync(), await ForeignServer.StartAsync());

    public async ValueTask DisposeAsync()
    {
        await _foreign.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Entries_that_no_manifest_may_contain_are_refused_by_name_and_the_rest_is_imported()
    {
        await _foreign.FillAsync();
        var plain = ForeignServer.Browser("plain");
        plain.RedirectUris.Add(new Uri("http://plain.example/callback"));
        await _foreign.HasApplicationAsync(plain);
        await _foreign.HasApplicationAsync(ForeignServer.Browser("issuing", Permissions.GrantTypes.ClientCredentials));
        await _foreign.HasApplicationAsync(new() { ClientId = "5b7e3a52-3d5c-4a0c-8b7f-0f3f0e0c8f11", ClientSecret = "secret", Permissions = { Permissions.GrantTypes.ClientCredentials } });
        await _foreign.HasScopeAsync("nowhere");
        await _foreign.HasScopeAsync("named", "resource_server", "https://named.example");
        await _foreign.ExecuteAsync("""UPDATE "OpenIddictApplications" SET "Permissions" = '{' WHERE "ClientId" = 'issuing'""");

        var report = await _server.ImportsAsync(_foreign.ConnectionString);

        Assert.Equal(
            [
                "! scope named: identifier is \"resource_server\"; it must be an absolute URI without a fragment.",
                "! scope nowhere: Resources is empty, and here a scope is of a resource.",
                "+ resource https://named.example", "+ resource https://orders.example", "+ scope named", "+ scope orders:read",
                "! client 5b7e3a52-3d5c-4a0c-8b7f-0f3f0e0c8f11: client_id looks like a UUID, which are the names of users.",
                "! client issuing: Permissions is no JSON, or has a member twice.",
                "+ client page",
                "! client plain: redirect_uris[1] is http://plain.example/callback; it must be https: http is for programs on the user's own device (RFC 9700 §2.6).",
                "+ client worker",
            ],
            report.Lines);
        Assert.False(report.IsComplete);
        Assert.Equal(HttpStatusCode.OK, (await _server.ActsAsync("worker", "worker-secret")).Status);
    }

    [Theory]
    [InlineData("Permissions", """["\ud800"]""")]
    [InlineData("Permissions", """[["gt:password"]]""")]
    [InlineData("Permissions", """{"gt:password":1}""")]
    [InlineData("Properties", """{"\ud800":1}""")]
    [InlineData("Properties", """{"a":1,"a":2}""")]
    [InlineData("Settings", "[]")]
    [InlineData("RedirectUris", """["https://a.example/\ud800"]""")]
    [InlineData("RedirectUris", """["no address"]""")]
    [InlineData("JsonWebKeySet", """{"keys":[{"\ud800":[]}]}""")]
    [InlineData("JsonWebKeySet", """{"keys":[{"kty":"\ud800"}]}""")]
    [InlineData("JsonWebKeySet", "[]")]
    [InlineData("JsonWebKeySet", "7")]
    [InlineData("ApplicationType", "spa")]
    [InlineData("ClientId", "two words")]
    [InlineData("DisplayName", "two\nlines")]
    public async Task A_broken_client_is_skipped_and_the_others_are_imported(string column, string value)
    {
        await _foreign.FillAsync();
        await _foreign.ExecuteAsync($"""UPDATE "OpenIddictApplications" SET "{column}" = $1 WHERE "ClientId" = 'page'""", value);

        var report = await _server.ImportsAsync(_foreign.ConnectionString);

        Assert.StartsWith($"! client {(column == "ClientId" ? value : "page")}: ", Assert.Single(report.Lines, line => line[0] == '!'), StringComparison.Ordinal);
        Assert.Contains("+ client worker", report.Lines);
    }

    [Fact]
    public async Task An_import_of_too_many_applications_is_refused_as_a_whole()
    {
        await _foreign.FillAsync();
        await _foreign.ExecuteAsync("""INSERT INTO "OpenIddictApplications" ("Id", "ClientId") SELECT 'a' || i, 'zz zz' || i FROM generate_series(1, 10000) i""");
        var before = await _server.ReadAsync<string>(Importing.State);

        var refused = await Assert.ThrowsAsync<StartupException>(() => _server.ImportsAsync(_foreign.ConnectionString));

        Assert.Contains("more than 10000 applications", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, await _server.ReadAsync<string>(Importing.State));
    }

    [Theory]
    [InlineData("not a hash of anything")]
    [InlineData("AQAAAAIAAYagAAAAEAAA AQAAAAIAAYagAAAAEAAA")]
    [InlineData("AQAAAAJ/////AAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public async Task A_secret_that_is_not_an_OpenIddict_hash_is_refused_and_never_shown(string secret)
    {
        await _foreign.FillAsync();
        await _foreign.ExecuteAsync("""UPDATE "OpenIddictApplications" SET "ClientSecret" = $1 WHERE "ClientId" = 'worker'""", secret);

        var report = await _server.ImportsAsync(_foreign.ConnectionString);

        Assert.Single(report.Lines, line => line.StartsWith("! client worker: ClientSecret is no hash", StringComparison.Ordinal));
        Assert.DoesNotContain(report.Lines, line => line.Contains(secret, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Host=127.0.0.1;Port=1;Username=x;Password=canary-0815", "PostgreSQL can't be reached by CONNECTION")]
    [InlineData("Hast=127.0.0.1;Password=canary-0815", "CONNECTION is not a PostgreSQL connection string")]
    [InlineData("canary-0815", "CONNECTION is not a PostgreSQL connection string")]
    [InlineData("Password=canary-0815;Username=x", "CONNECTION")]
    public async Task A_database_that_cannot_be_read_is_reported_without_its_password(string connectionString, string says)
    {
        var refused = await Assert.ThrowsAsync<StartupException>(() => _server.ImportsAsync(connectionString));

        Assert.Contains(says, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", refused.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_without_the_tables_is_refused()
    {
        await using var empty = await TestDatabase.CreateEmptyAsync();

        var refused = await Assert.ThrowsAsync<StartupException>(() => _server.ImportsAsync(empty.ConnectionString));
        Assert.Contains("has not the tables of OpenIddict 7", refused.Message, StringComparison.Ordinal);
    }
}
