using System.Net;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using OpenIddict.Abstractions;
using Testing;
using Xunit;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace IdentityServer.Tests.Clients;

/// <summary>The views of clients and resources: what they show of OpenIddict's rows, and what SQL writes.</summary>
public sealed class ClientsViewTests : IAsyncLifetime
{
    private ServerUnderTest _server = null!;

    public async ValueTask InitializeAsync() => _server = await ServerUnderTest.StartAsync();

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Fact, Rfc("6749", "2.3")]
    public async Task A_public_client_made_confidential_through_OpenIddict_must_authenticate()
    {
        await _server.ConfiguresAsync(db => db.Clients.Add(new() { ClientId = "grown", AuthMethod = "none", GrantTypes = ["refresh_token"] }));
        await ManagesAsync("grown", client => (client.ClientType, client.ClientSecret) = (ClientTypes.Confidential, "grown-secret"));

        (await _server.PostFormAsync("/connect/revoke", [("client_id", "grown"), ("token", "x")])).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        Assert.Equal(HttpStatusCode.OK, (await _server.RevokesAsync("x", Calls.Basic("grown", "grown-secret"))).Status);
    }

    [Fact, Rfc("9126", "6")]
    public async Task A_client_required_to_push_through_OpenIddict_must_push()
    {
        var browser = await _server.HasBrowserOfAsync();
        Assert.NotNull((await browser.AuthorizesAsync(CodeFlow.PortalRequest())).Sent("code"));

        await ManagesAsync(World.Portal, client => client.Requirements.Add(Requirements.Features.PushedAuthorizationRequests));

        (await browser.AuthorizesAsync(CodeFlow.PortalRequest())).SendsBack("invalid_request", callback: World.PortalCallback);
    }

    /// <summary>As with a table: the second of two statements on one row keeps what the first wrote.</summary>
    [Theory]
    [InlineData("UPDATE clients SET disabled = true WHERE client_id = 'shop'", "UPDATE clients SET name = 'Renamed' WHERE client_id = 'shop'", "SELECT name || ' ' || disabled FROM clients WHERE client_id = 'shop'", "Renamed true")]
    [InlineData(
        "UPDATE resources SET scopes = '{data:read}' WHERE identifier = 'http://localhost:5010'", "UPDATE resources SET name = 'Renamed' WHERE identifier = 'http://localhost:5010'",
        "SELECT name || ' ' || scopes::text FROM resources WHERE identifier = 'http://localhost:5010'", "Renamed {data:read}")]
    public async Task Two_parallel_changes_to_one_row_are_both_kept(string first, string second, string look, string both)
    {
        await using var one = await OpenAsync();
        await using var other = await OpenAsync();
        var held = await one.BeginTransactionAsync();
        await Around.Command(one, first).ExecuteNonQueryAsync();

        var waiting = Around.Command(other, second).ExecuteNonQueryAsync();
        await Around.SoonAsync(
            () => _server.ReadAsync<bool>("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock')", other.ProcessID), "the second waits");
        await held.CommitAsync();

        Assert.Equal(1, await waiting);
        Assert.Equal(both, await _server.ReadAsync<string>(look));
    }

    [Fact]
    public async Task SQL_on_the_view_leaves_other_columns_as_OpenIddict_wrote_them()
    {
        await using (var scope = _server.Services.CreateAsyncScope())
            await scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>().CreateAsync(new OpenIddictApplicationDescriptor
            {
                ClientId = "made", ClientSecret = "made-secret", ConsentType = ConsentTypes.External,
                Permissions = { Permissions.Endpoints.Token, Permissions.GrantTypes.ClientCredentials, "own:permission" }, Requirements = { Requirements.Features.PushedAuthorizationRequests },
            });
        const string Rest = "SELECT (to_jsonb(a) - '{disabled,concurrency_token}'::text[])::text FROM applications a WHERE client_id = 'made'";
        var before = (await _server.ReadAsync<string>(Rest), await _server.ReadAsync<string>("SELECT concurrency_token FROM applications WHERE client_id = 'made'"));

        await _server.ExecuteAsync("UPDATE clients SET disabled = true WHERE client_id = 'made'");

        Assert.Equal(before.Item1, await _server.ReadAsync<string>(Rest));
        Assert.NotEqual(before.Item2, await _server.ReadAsync<string>("SELECT concurrency_token FROM applications WHERE client_id = 'made'"));
    }

    [Fact]
    public async Task A_role_with_rights_on_the_views_alone_writes_them_from_any_search_path()
    {
        await AsRoleAsync("GRANT SELECT, INSERT, UPDATE, DELETE ON clients, resources TO", async connection =>
        {
            // An object that the role creates itself must not be used instead of ours.
            await Around.Command(connection, "SET search_path = ''; CREATE TEMP TABLE applications (client_id text); CREATE TEMP TABLE resource_servers (identifier text)").ExecuteNonQueryAsync();

            Assert.Equal(1, await Around.Command(connection, "UPDATE public.clients SET name = 'By its role' WHERE client_id = 'shop'").ExecuteNonQueryAsync());
            Assert.Equal(1, await Around.Command(connection, "INSERT INTO public.clients (client_id, auth_method, disabled) VALUES ('new', 'none', false)").ExecuteNonQueryAsync());
            Assert.Equal(1, await Around.Command(connection, "DELETE FROM public.clients WHERE client_id = 'new'").ExecuteNonQueryAsync());
            Assert.Equal(1, await Around.Command(connection, "INSERT INTO public.resources (identifier, scopes) VALUES ('http://new.test', '{new:read}')").ExecuteNonQueryAsync());
            Assert.Equal(1, await Around.Command(connection, "UPDATE public.resources SET name = 'New' WHERE identifier = 'http://new.test'").ExecuteNonQueryAsync());
        });

        Assert.Equal("By its role", await _server.ReadAsync<string>("SELECT name FROM clients WHERE client_id = 'shop'"));
        Assert.Equal("New {new:read}", await _server.ReadAsync<string>("SELECT name || ' ' || scopes::text FROM resources WHERE identifier = 'http://new.test'"));
    }

    [Theory]
    [InlineData("clients_written")]
    [InlineData("resources_written")]
    public async Task A_role_without_rights_cannot_put_a_trigger_of_the_views_on_a_table_of_its_own(string function) =>
        await AsRoleAsync("GRANT USAGE ON SCHEMA public TO", async connection =>
        {
            await Around.Command(connection, "CREATE TEMP TABLE mine (client_id text)").ExecuteNonQueryAsync();

            var refused = await Assert.ThrowsAsync<PostgresException>(() => Around.Command(
                connection, $"CREATE TRIGGER mine BEFORE DELETE ON mine FOR EACH ROW EXECUTE FUNCTION public.{function}()").ExecuteNonQueryAsync());

            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
        });

    private async Task ManagesAsync(string clientId, Action<OpenIddictApplicationDescriptor> change)
    {
        await using (var scope = _server.Services.CreateAsyncScope())
        {
            var manager = scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>();
            var application = (await manager.FindByClientIdAsync(clientId))!;
            var descriptor = new OpenIddictApplicationDescriptor();
            await manager.PopulateAsync(descriptor, application);
            change(descriptor);
            await manager.UpdateAsync(application, descriptor);
        }
        await _server.ConfiguresAsync(_ => { });
    }

    private async Task AsRoleAsync(string grant, Func<NpgsqlConnection, Task> act)
    {
        var role = $"role_{Guid.NewGuid():N}";
        await _server.ExecuteAsync($"CREATE ROLE {role}; {grant} {role}");
        try
        {
            await using var connection = await OpenAsync();
            await Around.Command(connection, $"SET ROLE {role}").ExecuteNonQueryAsync();
            await act(connection);
            await Around.Command(connection, "DISCARD TEMP; RESET ROLE; RESET search_path").ExecuteNonQueryAsync();
        }
        finally
        {
            await _server.ExecuteAsync($"DROP OWNED BY {role}; DROP ROLE {role}");
        }
    }

    private async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = new NpgsqlConnection(_server.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }
}
