using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace IdentityServer.Storage.Migrations;

/// <summary>
/// What sign-in by browser needs. Only new tables, and new columns that nodes of the version before leave at their default:
/// each is added without rewriting or scanning its table. Which grants a session has stands in a table of its own, so that
/// the large table of grants gets no new index.
/// </summary>
[DbContext(typeof(AuthDb))]
[Migration("0003_openid_connect")]
internal sealed class M0003_OpenIdConnect : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(
        """
        ALTER TABLE clients
            ADD COLUMN metadata                jsonb NOT NULL DEFAULT '{}',
            ADD COLUMN registered_at           timestamptz,
            ADD COLUMN registration_token_hash bytea;

        ALTER TABLE users
            ADD COLUMN profile    jsonb NOT NULL DEFAULT '{}',
            ADD COLUMN updated_at timestamptz;

        ALTER TABLE grants
            ADD COLUMN session_id     uuid,
            ADD COLUMN auth_time      timestamptz,
            ADD COLUMN resources      text[],
            ADD COLUMN dpop_jkt       text,
            ADD COLUMN redirect_uri   text,
            ADD COLUMN code_challenge text,
            ADD COLUMN details        jsonb;

        CREATE TABLE sessions (
            id               uuid PRIMARY KEY,
            user_id          uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            secret_hash      bytea NOT NULL,
            security_stamp   text NOT NULL,
            amr              text[] NOT NULL,
            created_at       timestamptz NOT NULL,
            authenticated_at timestamptz NOT NULL,
            expires_at       timestamptz NOT NULL,
            ended_at         timestamptz,
            remote_address   inet,
            user_agent       text
        );
        CREATE INDEX sessions_by_user ON sessions (user_id, id);
        CREATE INDEX sessions_by_expiry ON sessions (expires_at);

        CREATE TABLE session_grants (
            session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
            grant_id   uuid NOT NULL,
            client_id  text NOT NULL,
            PRIMARY KEY (session_id, grant_id)
        );

        CREATE TABLE consents (
            user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            client_id  text NOT NULL,
            scopes     text[] NOT NULL,
            claims     text[] NOT NULL,
            granted_at timestamptz NOT NULL,
            PRIMARY KEY (user_id, client_id)
        );

        CREATE TABLE pushed_requests (
            id         uuid PRIMARY KEY,
            client_id  text NOT NULL,
            parameters text NOT NULL,
            dpop_jkt   text,
            expires_at timestamptz NOT NULL
        );
        CREATE INDEX pushed_requests_by_expiry ON pushed_requests (expires_at);

        CREATE TABLE device_authorizations (
            id            uuid PRIMARY KEY,
            user_code     text NOT NULL,
            client_id     text NOT NULL,
            scopes        text[] NOT NULL,
            resources     text[],
            dpop_jkt      text,
            created_at    timestamptz NOT NULL,
            expires_at    timestamptz NOT NULL,
            poll_interval integer NOT NULL,
            polled_at     timestamptz,
            grant_id      uuid,
            denied_at     timestamptz
        );
        CREATE UNIQUE INDEX device_authorizations_by_user_code ON device_authorizations (user_code);
        CREATE INDEX device_authorizations_by_expiry ON device_authorizations (expires_at);

        CREATE TABLE used_jwts (
            id    bytea PRIMARY KEY,
            until timestamptz NOT NULL
        );
        CREATE INDEX used_jwts_by_until ON used_jwts (until);

        CREATE TABLE outbox (
            id                uuid PRIMARY KEY,
            kind              text NOT NULL,
            protected_message bytea NOT NULL,
            attempts          integer NOT NULL,
            due_at            timestamptz NOT NULL,
            expires_at        timestamptz NOT NULL
        );
        CREATE INDEX outbox_by_due ON outbox (due_at);
        """);
}
