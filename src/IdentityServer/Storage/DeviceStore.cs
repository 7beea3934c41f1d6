using System.Net;
using System.Security.Cryptography;
using System.Text;
using IdentityServer.Audit;
using Npgsql;
using NpgsqlTypes;
using Postgres;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace IdentityServer.Storage;

/// <summary>A device that begins to wait for its user.</summary>
/// <param name="UserCode">Upper case, without the hyphen.</param>
/// <param name="Resources">What the grant is narrowed to (RFC 8707); null: all that its scopes imply.</param>
/// <param name="Interval">Seconds between polls.</param>
internal sealed record NewDevice(
    Guid Id, string UserCode, string ClientId, string[] Scopes, string[]? Resources, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt, int Interval);

/// <summary>Who asks and for what: a device that its user has not decided about.</summary>
internal sealed record WaitingDevice(string ClientId, string[] Scopes);

/// <summary>A user's leave for a device, given in a browser session.</summary>
/// <param name="CreatedAt">In whole milliseconds, as the grant's id carries them; <paramref name="Now"/> is when it is.</param>
internal sealed record DeviceLeave(
    string UserCode, Guid GrantId, SessionKey Session, string Details, DateTimeOffset CreatedAt, DateTimeOffset Now, TimeSpan PruneGrain, IPAddress? Address);

/// <summary>A device that asks whether its user has decided.</summary>
/// <param name="MayRefresh">The client may have refresh tokens, where <c>offline_access</c> was granted.</param>
internal sealed record DevicePoll(
    Guid Id, string ClientId, DateTimeOffset Now, bool MayRefresh, TimeSpan AccessLifetime, TimeSpan RefreshLifetime, TimeSpan AbsoluteLifetime, TimeSpan PruneGrain)
{
    /// <summary>The key that refresh tokens are bound to from the redemption on (RFC 9449 §5).</summary>
    public string? DpopThumbprint { get; init; }

    /// <summary>What the request narrows the token to (RFC 8707 §2.2); the grant must be for all of it.</summary>
    public string[] Resources { get; init; } = [];

    /// <summary>The scopes of each of those resources, parted by spaces; the grant must have one of each.</summary>
    public string[] Reach { get; init; } = [];

    /// <summary>What the client is registered for now. A code of which it has nothing left is not spent (<c>Client.MayStillHave</c>).</summary>
    public required string[] ClientScopes { get; init; }
}

/// <summary>How a poll found its device.</summary>
/// <param name="IsClients">False: another client's, and nothing was changed.</param>
/// <param name="Status">OpenIddict's: <c>inactive</c> until its user decides.</param>
/// <param name="IsEarly">It came before its interval was over, and the interval is 5 s longer now.</param>
/// <param name="GrantId">Set when the user has allowed it.</param>
/// <param name="Generation">Of that grant as the poll's snapshot saw it; null: it was just being written.</param>
/// <param name="Spent">The grant, where this poll is the one that redeems the code.</param>
internal sealed record PolledDevice(
    bool IsClients, string Status, bool IsExpired, bool IsEarly, Guid? GrantId, int? Generation, DateTimeOffset? RotatedAt, GrantState? Spent);

/// <summary>
/// The statements of device authorizations (RFC 8628), straight to Npgsql: each checks and changes at once. A device is two of
/// OpenIddict's tokens: its user code says what is asked for, its device code how it polls and what came of it.
/// </summary>
/// <remarks>Each change moves the concurrency token, so that OpenIddict's manager overwrites none that it has not seen.</remarks>
internal sealed class DeviceStore(NpgsqlDataSource source)
{
    private const string AddSql =
        $"""
        WITH shown AS (
            INSERT INTO tokens (id, application_id, type, status, reference_id, creation_date, expiration_date, properties)
            SELECT gen_random_uuid(), id, '{TokenTypeIdentifiers.Private.UserCode}', 'valid', $2, $5, $6,
                   jsonb_strip_nulls(jsonb_build_object('device_code', $1::uuid, 'scopes', $4::text[], 'resources', $8::text[]))
            FROM applications WHERE client_id = $3 FOR KEY SHARE
            ON CONFLICT (reference_id) DO NOTHING
            RETURNING application_id
        )
        INSERT INTO tokens (id, application_id, type, status, creation_date, expiration_date, properties)
        SELECT $1, application_id, '{TokenTypeIdentifiers.Private.DeviceCode}', 'inactive', $5, $6, jsonb_build_object('interval', $7::int) FROM shown
        """;

    private const string FindSql =
        """
        SELECT c.client_id, ARRAY(SELECT jsonb_array_elements_text(t.properties -> 'scopes'))
        FROM tokens t JOIN applications c ON c.id = t.application_id
        WHERE t.reference_id = $1 AND t.expiration_date > $2 AND t.status = 'valid'
        """;

    // The session is locked as for reading: a sign-out that comes after it finds the grant in session_grants, and one that came
    // before leaves no live session here. The grant waits for the device no longer than its code lives; the poll that redeems it
    // gives it its own time.
    private const string AllowSql =
        $"""
        WITH live AS (
            SELECT s.id, s.user_id, s.security_stamp, s.authenticated_at
            FROM sessions s JOIN users u ON u.id = s.user_id
            WHERE s.id = $4 AND s.secret_hash = $5 AND s.ended_at IS NULL AND s.expires_at > $3
              AND u.security_stamp = s.security_stamp AND u.disabled_at IS NULL
            FOR SHARE OF s
        ), decided AS (
            UPDATE tokens t SET status = 'redeemed', redemption_date = $3, subject = live.user_id, concurrency_token = gen_random_uuid()
            FROM live, applications c
            WHERE t.reference_id = $1 AND t.expiration_date > $3 AND t.status = 'valid'
              AND c.id = t.application_id AND NOT c.disabled AND c.permissions ? ('gt:' || $12)
            RETURNING t.properties, t.expiration_date AS expires_at, c.client_id,
                      live.id AS session_id, live.user_id, live.security_stamp, live.authenticated_at
        ), allowed AS (
            UPDATE tokens t
            SET status = 'valid', subject = d.user_id, properties = t.properties || jsonb_build_object('grant_id', $2::uuid), concurrency_token = gen_random_uuid()
            FROM decided d WHERE t.id = (d.properties ->> 'device_code')::uuid AND t.status = 'inactive'
            RETURNING d.*
        ), started AS (
            INSERT INTO grants (id, client_id, subject, scopes, generation, created_at, expires_at, absolute_expires_at, prunable_at, security_stamp,
                                session_id, auth_time, resources, details)
            SELECT $2, client_id, user_id, ARRAY(SELECT jsonb_array_elements_text(properties -> 'scopes')), 0, $6, expires_at, expires_at,
                   date_bin($7, expires_at, 'epoch') + $7, security_stamp, session_id, authenticated_at,
                   CASE WHEN properties ? 'resources' THEN ARRAY(SELECT jsonb_array_elements_text(properties -> 'resources')) END, $8
            FROM allowed
            RETURNING id, client_id, subject, scopes, session_id
        ), joined AS (
            INSERT INTO session_grants (session_id, grant_id, client_id) SELECT session_id, id, client_id FROM started
        ), consented AS (
            {Consents.Insert} a.id, started.subject::text, to_jsonb(started.scopes), $3, jsonb_build_object('granted_at', $3)
            FROM started JOIN applications a ON a.client_id = started.client_id FOR KEY SHARE OF a
            {Consents.Merge}
        )
        INSERT INTO audit_events (at, event, subject, client_id, grant_id, remote_address, reason)
        SELECT $3, $9, subject, client_id, id, $10, $11 FROM started
        """;

    private const string DenySql =
        """
        WITH decided AS (
            UPDATE tokens SET status = 'rejected', concurrency_token = gen_random_uuid()
            WHERE reference_id = $1 AND expiration_date > $2 AND status = 'valid'
            RETURNING properties
        )
        UPDATE tokens t SET status = 'rejected', concurrency_token = gen_random_uuid()
        FROM decided d WHERE t.id = (d.properties ->> 'device_code')::uuid AND t.status = 'inactive'
        """;

    // The device's row is locked first, so that polls and the user's decision come one after another, and each sees what the one
    // before it wrote. The grant alone may be too new for this statement's snapshot: then the last join finds none, and the
    // device polls once more. Half a second before its time is jitter of the network, not haste.
    private const string PollSql =
        """
        WITH device AS (
            SELECT t.id, c.client_id = $2 AS is_clients, t.status, (t.properties ->> 'grant_id')::uuid AS grant_id, t.expiration_date <= $3 AS is_expired,
                   COALESCE((t.properties ->> 'polled_at')::timestamptz + make_interval(secs => (t.properties ->> 'interval')::int - 0.5) > $3, false) AS is_early
            FROM tokens t JOIN applications c ON c.id = t.application_id WHERE t.id = $1 FOR NO KEY UPDATE OF t
        ), polled AS (
            UPDATE tokens t
            SET properties = t.properties || jsonb_build_object(
                    'polled_at', $3::timestamptz, 'interval', (t.properties ->> 'interval')::int + CASE WHEN device.is_early THEN 5 ELSE 0 END),
                concurrency_token = gen_random_uuid()
            FROM device WHERE t.id = device.id AND device.is_clients AND device.status = 'inactive' AND NOT device.is_expired
        ), spent AS (
            UPDATE grants g
            SET generation = 1, rotated_at = $3, absolute_expires_at = t.absolute, expires_at = t.expires, prunable_at = date_bin($8, t.expires, 'epoch') + $8,
                dpop_jkt = $9
            FROM device, users u, LATERAL (
                SELECT $3 + CASE WHEN r.may THEN $7 ELSE $5 END AS absolute, $3 + CASE WHEN r.may THEN LEAST($6, $7) ELSE $5 END AS expires
                FROM (SELECT $4 AND h.scopes @> ARRAY['offline_access'] AS may FROM grants h WHERE h.id = device.grant_id) r
            ) t
            WHERE g.id = device.grant_id AND device.is_clients AND device.status = 'valid' AND NOT device.is_expired AND g.generation = 0 AND g.revoked_at IS NULL
              AND (g.resources IS NULL OR g.resources @> $10)
              AND NOT EXISTS (SELECT FROM unnest($11::text[]) AS r (scopes) WHERE NOT g.scopes && string_to_array(r.scopes, ' '))
              AND (g.scopes <@ $12 OR g.scopes && array_remove($12, 'offline_access'))
              AND u.id = g.subject AND u.security_stamp = g.security_stamp AND u.disabled_at IS NULL
            RETURNING g.id, g.client_id, g.subject, g.scopes, g.generation, g.created_at, g.rotated_at, g.expires_at, true AS is_alive,
                      ARRAY(SELECT r.role_id FROM user_roles r WHERE r.user_id = g.subject) AS roles,
                      g.session_id, g.auth_time, g.resources, g.dpop_jkt, g.details
        ), redeemed AS (
            UPDATE tokens t SET status = 'redeemed', redemption_date = $3, concurrency_token = gen_random_uuid()
            FROM device, spent WHERE t.id = device.id
        )
        SELECT spent.*, device.is_clients, device.status, device.is_expired, device.is_early, device.grant_id, g.generation, g.rotated_at
        FROM device LEFT JOIN spent ON true LEFT JOIN grants g ON g.id = device.grant_id
        """;

    /// <summary>False: another device has this user code, or there is no such client any more.</summary>
    public async Task<bool> TryAddAsync(NewDevice device, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(AddSql);
        Add(command, device.Id);
        Add(command, ReferenceOf(device.UserCode));
        Add(command, device.ClientId);
        Add(command, device.Scopes);
        Add(command, device.CreatedAt);
        Add(command, device.ExpiresAt);
        Add(command, device.Interval);
        command.Parameters.Add(AuditTrail.Nullable(device.Resources, NpgsqlDbType.Array | NpgsqlDbType.Text));
        return await command.ExecuteNonQueryAsync(cancellation) == 1;
    }

    /// <summary>Null: there is none, it is too late, or it is decided.</summary>
    public async Task<WaitingDevice?> FindAsync(string userCode, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(FindSql);
        Add(command, ReferenceOf(userCode));
        Add(command, now);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        return await row.ReadAsync(cancellation) ? new WaitingDevice(row.GetString(0), row.GetFieldValue<string[]>(1)) : null;
    }

    /// <summary>
    /// Writes the grant, and that the device has it. False: too late, decided by somebody else, or user, session or client are not
    /// as they were.
    /// </summary>
    public async Task<bool> TryAllowAsync(DeviceLeave leave)
    {
        await using var command = source.CreateCommand(AllowSql);
        Add(command, ReferenceOf(leave.UserCode));
        Add(command, leave.GrantId);
        Add(command, leave.Now);
        Add(command, leave.Session.Id);
        Add(command, leave.Session.SecretHash);
        Add(command, leave.CreatedAt);
        Add(command, ExactInterval.Of(leave.PruneGrain));
        command.Parameters.Add(AuditTrail.Nullable(leave.Details, NpgsqlDbType.Jsonb));
        Add(command, AuditEvents.SignInSucceeded);
        command.Parameters.Add(AuditTrail.Nullable(leave.Address, NpgsqlDbType.Inet));
        Add(command, AuditReasons.Device);
        Add(command, Protocol.GrantTypes.DeviceCode);
        return await command.ExecuteNonQueryAsync() == 1;
    }

    /// <summary>False: too late, or decided already.</summary>
    public async Task<bool> TryDenyAsync(string userCode, DateTimeOffset now)
    {
        await using var command = source.CreateCommand(DenySql);
        Add(command, ReferenceOf(userCode));
        Add(command, now);
        return await command.ExecuteNonQueryAsync() == 1;
    }

    /// <summary>Null: there is no such device any more.</summary>
    public async Task<PolledDevice?> PollAsync(DevicePoll poll)
    {
        await using var command = source.CreateCommand(PollSql);
        Add(command, poll.Id);
        Add(command, poll.ClientId);
        Add(command, poll.Now);
        Add(command, poll.MayRefresh);
        Add(command, ExactInterval.Of(poll.AccessLifetime));
        Add(command, ExactInterval.Of(poll.RefreshLifetime));
        Add(command, ExactInterval.Of(poll.AbsoluteLifetime));
        Add(command, ExactInterval.Of(poll.PruneGrain));
        command.Parameters.Add(AuditTrail.Nullable(poll.DpopThumbprint, NpgsqlDbType.Text));
        Add(command, poll.Resources);
        Add(command, poll.Reach);
        Add(command, poll.ClientScopes);
        await using var row = await command.ExecuteReaderAsync();
        if (!await row.ReadAsync())
            return null;
        return new PolledDevice(
            row.GetBoolean(15), row.GetString(16), row.GetBoolean(17), row.GetBoolean(18), row.IsDBNull(19) ? null : row.GetGuid(19),
            row.IsDBNull(20) ? null : row.GetInt32(20), row.IsDBNull(21) ? null : row.GetFieldValue<DateTimeOffset>(21),
            row.IsDBNull(0) ? null : GrantStore.Read(row));
    }

    /// <summary>As OpenIddict's manager looks for it.</summary>
    private static string ReferenceOf(string userCode) => Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(userCode)));

    private static void Add<T>(NpgsqlCommand command, T value) =>
        command.Parameters.Add(new NpgsqlParameter<T> { TypedValue = value });
}
