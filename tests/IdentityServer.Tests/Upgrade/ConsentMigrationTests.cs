using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Upgrade;

/// <summary>A database with our own table of consents beside OpenIddict's authorizations.</summary>
public sealed class ConsentMigrationTests
{
    [Fact]
    public async Task Consents_become_authorizations_and_earlier_entries_of_a_manager_allow_nothing()
    {
        await using var database = await TestDatabase.CreateEmptyAsync();
        await using (var db = new AuthDb(new DbContextOptionsBuilder<AuthDb>().UseNpgsql(database.ConnectionString).Options))
            await db.GetService<IMigrator>().MigrateAsync("20261201042309_Applications");
        await using var connection = new NpgsqlConnection(database.ConnectionString);
        await connection.OpenAsync();
        await Around.Command(connection,
            """
            INSERT INTO users (id, user_name, normalized_user_name, email_confirmed, security_stamp, phone_number_confirmed, two_factor_enabled, lockout_enabled, access_failed_count, created_at)
            VALUES ('01890f5e-0000-7000-8000-000000000001', 'ann', 'ann', false, 'stamp', false, false, true, 0, now());
            INSERT INTO clients (client_id, auth_method, disabled) VALUES ('here', 'none', false);
            INSERT INTO consents (user_id, client_id, scopes, claims, granted_at) SELECT id, c, '{openid,email}', '{birthdate}', '2026-01-02 03:04:05.678+00' FROM users, unnest('{here,gone}'::text[]) c;
            INSERT INTO authorizations (id, application_id, subject, type, status, scopes, properties)
            SELECT gen_random_uuid(), a.id, u.id::text, 'permanent', 'valid', '["phone"]', '{"of":"a manager"}' FROM users u, applications a, generate_series(1, 2);
            """).ExecuteNonQueryAsync();

        await using var server = await ServerUnderTest.StartOnAsync(database.ConnectionString);

        Assert.Equal(
            """here 01890f5e-0000-7000-8000-000000000001 permanent ["openid", "email"] t {"claims": ["birthdate"], "granted_at": "2026-01-02T03:04:05.678+00:00"}""",
            await server.ReadAsync<string>(
                """
                SELECT concat_ws(' ', a.client_id, c.subject, c.type, c.scopes, creation_date = '2026-01-02 03:04:05.678+00', c.properties)
                FROM authorizations c JOIN applications a ON a.id = c.application_id WHERE c.status = 'valid'
                """));
        // For nodes of the previous version, which can read it but not write it.
        Assert.Equal(
            "here 01890f5e-0000-7000-8000-000000000001 {openid,email} {birthdate} t",
            await server.ReadAsync<string>("SELECT concat_ws(' ', client_id, user_id, scopes, claims, granted_at = '2026-01-02 03:04:05.678+00') FROM consents"));
        var refused = await Assert.ThrowsAsync<PostgresException>(() => Around.Command(connection,
            "INSERT INTO consents (user_id, client_id, scopes, claims, granted_at) SELECT id, 'here', '{}', '{}', now() FROM users ON CONFLICT (user_id, client_id) DO NOTHING").ExecuteNonQueryAsync());
        Assert.Equal(PostgresErrorCodes.ObjectNotInPrerequisiteState, refused.SqlState);
        Assert.Equal(2, await server.ReadAsync<int>("""SELECT count(*) FROM authorizations WHERE status = 'revoked' AND scopes = '["phone"]' AND properties ? 'of'"""));
    }
}
