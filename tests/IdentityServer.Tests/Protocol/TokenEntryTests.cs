using System.Net;
using IdentityServer.Storage;
using IdentityServer.Tests.DeviceAuthorization;
using IdentityServer.Tests.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using OpenIddict.Abstractions;
using Xunit;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace IdentityServer.Tests.Protocol;

/// <summary>Device codes, user codes and pushed requests are entries that OpenIddict's token manager reads and ends.</summary>
public sealed class TokenEntryTests(DeviceServer shared) : IClassFixture<DeviceServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Fact]
    public async Task A_device_authorization_is_a_device_code_and_a_user_code_with_OpenIddicts_statuses()
    {
        var device = await _server.AsksAsync("openid data:read");
        var began = _server.Clock.GetUtcNow();
        var deviceCode = await ManagesAsync(async manager =>
        {
            var shown = await FindAsync(manager, device);
            Assert.True(await manager.HasTypeAsync(shown, TokenTypeIdentifiers.Private.UserCode));
            Assert.Equal(began.AddSeconds(600), (await manager.GetExpirationDateAsync(shown))!.Value, TimeSpan.FromSeconds(5));
            Assert.Equal(await _server.ReadAsync<string>("SELECT id::text FROM applications WHERE client_id = 'native'"), await manager.GetApplicationIdAsync(shown));
            return (await manager.GetPropertiesAsync(shown))["device_code"].GetString()!;
        });
        Assert.Equal("valid inactive", await StatusesAsync(device));

        await (await _server.BrowserOfAsync()).DecidesAsync(device["user_code"]);
        Assert.Equal("redeemed valid", await StatusesAsync(device));

        Assert.Equal(HttpStatusCode.OK, (await _server.PollsAsync(device["device_code"])).Status);
        Assert.Equal("redeemed redeemed", await StatusesAsync(device));
        await ManagesAsync(async manager =>
        {
            var polled = (await manager.FindByIdAsync(deviceCode))!;
            Assert.True(await manager.HasTypeAsync(polled, TokenTypeIdentifiers.Private.DeviceCode));
            Assert.NotNull(await manager.GetRedemptionDateAsync(polled));
            Assert.Equal(await _server.ReadAsync<string>("SELECT id::text FROM users WHERE user_name = 'alice'"), await manager.GetSubjectAsync(polled));
            return true;
        });

        var denied = await _server.AsksAsync();
        await (await _server.BrowserOfAsync()).DecidesAsync(denied["user_code"], "consent-deny");
        Assert.Equal("rejected rejected", await StatusesAsync(denied));
    }

    [Fact]
    public async Task A_pushed_request_is_a_request_token_until_its_code_is_issued()
    {
        var (id, address) = await PushesAsync();
        await ManagesAsync(async manager =>
        {
            var pushed = (await manager.FindByIdAsync(id))!;
            Assert.True(await manager.HasTypeAsync(pushed, TokenTypeIdentifiers.Private.RequestToken));
            Assert.True(await manager.HasStatusAsync(pushed, Statuses.Valid));
            Assert.Equal(60, (await manager.GetExpirationDateAsync(pushed) - await manager.GetCreationDateAsync(pushed))!.Value.TotalSeconds);
            Assert.StartsWith("client_id=portal&", await manager.GetPayloadAsync(pushed), StringComparison.Ordinal);
            return true;
        });

        Assert.NotNull((await (await _server.BrowserOfAsync()).GetAsync(address)).Sent("code"));

        Assert.Null(await ManagesAsync(manager => manager.FindByIdAsync(id).AsTask()));
    }

    [Fact]
    public async Task An_entry_that_the_manager_revoked_can_no_longer_be_used()
    {
        var alice = await _server.BrowserOfAsync();
        var (shown, waiting, allowed) = (await _server.AsksAsync(), await _server.AsksAsync(), await _server.AsksAsync());
        await alice.DecidesAsync(allowed["user_code"]);
        var (id, address) = await PushesAsync();
        await ManagesAsync(async manager =>
        {
            Assert.True(await manager.TryRevokeAsync(await FindAsync(manager, shown)));
            foreach (var device in new[] { waiting, allowed })
                Assert.True(await manager.TryRevokeAsync((await manager.FindByIdAsync(await DeviceCodeOfAsync(manager, device)))!));
            Assert.True(await manager.TryRevokeAsync((await manager.FindByIdAsync(id))!));
            return true;
        });

        Assert.StartsWith("No device is waiting", (await alice.GetAsync("/device?user_code=" + shown["user_code"])).Alert, StringComparison.Ordinal);
        Assert.StartsWith("No device is waiting", (await alice.DecidesAsync(waiting["user_code"])).Alert, StringComparison.Ordinal);
        (await _server.PollsAsync(waiting["device_code"])).Refuses("invalid_grant");
        (await _server.PollsAsync(allowed["device_code"])).Refuses("invalid_grant");
        (await alice.GetAsync(address)).ShowsError();
    }

    /// <summary>No timing: the server changes the entry after the manager has read it and before it writes.</summary>
    [Fact]
    public async Task The_manager_does_not_overwrite_a_concurrent_change()
    {
        var device = await _server.AsksAsync();

        await ManagesAsync(async manager =>
        {
            var (shown, polled) = (await FindAsync(manager, device), (await manager.FindByIdAsync(await DeviceCodeOfAsync(manager, device)))!);
            await (await _server.BrowserOfAsync()).DecidesAsync(device["user_code"]);
            Assert.False(await manager.TryRevokeAsync(shown));
            Assert.False(await manager.TryRevokeAsync(polled));
            return true;
        });

        Assert.Equal(HttpStatusCode.OK, (await _server.PollsAsync(device["device_code"])).Status);
    }

    [Fact]
    public async Task A_clients_entries_are_deleted_with_it()
    {
        await using var server = await Devices.StartAsync();
        await server.AsksAsync();
        await PushesAsync(server);
        Assert.Equal(3, await server.ReadAsync<int>("SELECT count(*) FROM tokens"));

        await server.ConfiguresAsync(db => db.Clients.RemoveRange(db.Clients.Where(client => client.ClientId == World.Native)));
        Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM tokens"));
        await server.ConfiguresAsync(db => db.Clients.RemoveRange(db.Clients.Where(client => client.ClientId == World.Portal)));
        Assert.Equal(0, await server.ReadAsync<int>("SELECT count(*) FROM tokens"));
    }

    /// <summary>Runs the statements of that version.</summary>
    [Fact]
    public async Task A_node_of_the_previous_version_can_use_pushed_requests_but_answers_503_for_devices()
    {
        var (id, address) = await PushesAsync();
        Assert.Equal(1, await OldAsync("UPDATE pushed_requests SET expires_at = GREATEST(expires_at, $3) WHERE id = $1 AND client_id = $2 AND expires_at > $3", Guid.Parse(id), "portal", _server.Clock.GetUtcNow()));
        Assert.Equal(1, await OldAsync("WITH pushed AS (SELECT id FROM pushed_requests WHERE id = $1 FOR UPDATE) DELETE FROM pushed_requests p USING pushed WHERE p.id = pushed.id", Guid.Parse(id)));
        (await (await _server.BrowserOfAsync()).GetAsync(address)).ShowsError();

        var (other, _) = await PushesAsync();
        var parameters = await _server.ReadAsync<string>("SELECT payload FROM tokens WHERE id = $1", Guid.Parse(other));
        await OldAsync("INSERT INTO pushed_requests (id, client_id, parameters, dpop_jkt, expires_at) VALUES ($1, 'portal', $2, NULL, $3)", Guid.Parse(id), parameters, _server.Clock.GetUtcNow().AddMinutes(1));
        Assert.NotNull((await (await _server.BrowserOfAsync()).GetAsync(address)).Sent("code"));
        const string Prune = "DELETE FROM {0} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {0} WHERE expires_at <= $1 ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED))";
        Assert.Equal(0, await OldAsync(string.Format(null, Prune, "pushed_requests"), _server.Clock.GetUtcNow().AddDays(-1)));

        foreach (var sql in new[]
        {
            "INSERT INTO device_authorizations (id, user_code, client_id, scopes, created_at, expires_at, poll_interval, resources) VALUES (gen_random_uuid(), 'x', 'native', '{}', $1, $1, 5, NULL) ON CONFLICT (user_code) DO NOTHING",
            "WITH device AS (SELECT id FROM device_authorizations WHERE expires_at = $1 FOR NO KEY UPDATE) UPDATE device_authorizations d SET polled_at = $1 FROM device WHERE d.id = device.id",
            string.Format(null, Prune, "device_authorizations"),
        })
            Assert.Equal(PostgresErrorCodes.ObjectNotInPrerequisiteState, (await Assert.ThrowsAsync<PostgresException>(() => OldAsync(sql, _server.Clock.GetUtcNow()))).SqlState);
    }

    private async Task<int> OldAsync(string sql, params object[] values)
    {
        await using var source = NpgsqlDataSource.Create(_server.ConnectionString);
        await using var connection = await source.OpenConnectionAsync();
        return await Around.Command(connection, sql, values).ExecuteNonQueryAsync();
    }

    private async Task<(string Id, string Address)> PushesAsync(ServerUnderTest? server = null)
    {
        server ??= _server;
        var pushed = await server.PostFormAsync("/connect/par", [.. CodeFlow.PortalRequest().Where(pair => pair.Value is not null).Select(pair => (pair.Key, pair.Value!)), ("client_secret", World.PortalSecret)]);
        Assert.True(pushed.Status == HttpStatusCode.Created, pushed.Body);
        var id = await server.ReadAsync<string>("SELECT id::text FROM tokens WHERE type = $1 ORDER BY id DESC LIMIT 1", TokenTypeIdentifiers.Private.RequestToken);
        return (id, $"/connect/authorize?client_id={World.Portal}&request_uri={Uri.EscapeDataString(pushed["request_uri"]!)}");
    }

    private async Task<T> ManagesAsync<T>(Func<IOpenIddictTokenManager, Task<T>> work)
    {
        await using var scope = _server.Services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<IOpenIddictTokenManager>());
    }

    /// <summary>The user code's entry.</summary>
    private static async Task<object> FindAsync(IOpenIddictTokenManager manager, Answer device) =>
        Assert.IsType<TokenRow>(await manager.FindByReferenceIdAsync(device["user_code"]!.Replace("-", "", StringComparison.Ordinal)));

    private static async Task<string> DeviceCodeOfAsync(IOpenIddictTokenManager manager, Answer device) =>
        (await manager.GetPropertiesAsync(await FindAsync(manager, device)))["device_code"].GetString()!;

    /// <summary>The statuses of the user code and the device code.</summary>
    private Task<string> StatusesAsync(Answer device) => ManagesAsync(async manager =>
        $"{await manager.GetStatusAsync(await FindAsync(manager, device))} {await manager.GetStatusAsync((await manager.FindByIdAsync(await DeviceCodeOfAsync(manager, device)))!)}");
}
