using System.Net;
using System.Security.Cryptography;
using System.Text;
using IdentityServer.Audit;
using Npgsql;
using ServiceDefaults.Storage;
using static IdentityServer.Storage.Statements;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace IdentityServer.Storage;

/// <summary>A device that starts to wait for its user.</summary>
/// <param name="UserCode">Upper case, without the hyphen.</param>
/// <param name="Resources">What the grant is restricted to (RFC 8707); null: everything that its scopes imply.</param>
/// <param name="Interval">Seconds between polls.</param>
internal sealed record NewDevice(
    Guid Id, string UserCode, string ClientId, string[] Scopes, string[]? Resources, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt, int Interval);

/// <summary>A device whose user has not decided yet: which client asks, and for what.</summary>
internal sealed record WaitingDevice(string ClientId, string[] Scopes);

/// <summary>A user's approval of a device, given in a browser session.</summary>
/// <param name="CreatedAt">In whole milliseconds, like the time in the grant's id; <paramref name="Now"/> is the exact time.</param>
internal sealed record DeviceLeave(
    string UserCode, Guid GrantId, SessionKey Session, string Details, DateTimeOffset CreatedAt, DateTimeOffset Now, TimeSpan PruneGrain, IPAddress? Address);

/// <summary>A device that asks whether its user has decided.</summary>
/// <param name="MayRefresh">The client may have refresh tokens if <c>offline_access</c> was granted.</param>
internal sealed record DevicePoll(
    Guid Id, string ClientId, DateTimeOffset Now, bool MayRefresh, TimeSpan AccessLifetime, TimeSpan RefreshLifetime, TimeSpan AbsoluteLifetime, TimeSpan PruneGrain)
{
    /// <summary>The key that its refresh tokens will be bound to (RFC 9449 §5).</summary>
    public string? DpopThumbprint { get; init; }

    /// <summary>What the request narrows the token to (RFC 8707 §2.2); the grant must be for all of it.</summary>
    public string[] Resources { get; init; } = [];

    /// <summary>The scopes of each of those resources, separated by spaces; the grant must have at least one of each.</summary>
    public string[] Reach { get; init; } = [];

    /// <summary>What the client is registered for now. If none of the scopes are left, the code is not spent (<c>Client.MayStillHave</c>).</summary>
    public required string[] ClientScopes { get; init; }
}

/// <summary>The state in which a poll found its device.</summary>
/// <param name="IsClients">False: the device belongs to another client, and nothing was changed.</param>
/// <param name="Status">OpenIddict's: <c>inactive</c> until its user decides.</param>
/// <param name="IsEarly">The poll came too soon, and the interval is now 5 s longer.</param>
/// <param name="GrantId">Set when the user has allowed it.</param>
/// <param name="Generation">Of that grant, as this statement's snapshot saw it; null: the grant was still being written.</param>
/// <param name="Spent">The grant, if this poll redeemed the code.</param>
internal sealed record PolledDevice(
    bool IsClients, string Status, bool IsExpired, bool IsEarly, Guid? GrantId, int? Generation, DateTimeOffset? RotatedAt, GrantState? Spent);

/// <summary>
/// The statements of device authorizations (RFC 8628), sent by Npgsql: each one checks and changes in one step. A device is stored as two
/// of OpenIddict's tokens: the user code holds what is requested, the device code how the device polls and what was decided.
/// </summary>
/// <remarks>Each change sets a new concurrency token, so that OpenIddict's manager overwrites no change that it has not seen.</remarks>
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

    // The session is locked FOR SHARE: a later sign-out finds the grant in session_grants, and after an earlier one there is no
    // live session here. Until the device polls, the grant expires with the device code; the poll that redeems it sets its
    // final lifetime.
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

    // The device's row is locked first, so that polls and the user's decision run one after another and each sees what the one
    // before it wrote. Only the grant may be too new for this statement's snapshot: then the last join finds none, and the
    // device polls once more. A poll that comes half a second early is tolerated, because it may be network jitter.
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

    /// <summary>False: another device has this user code, or the client no longer exists.</summary>
    public async Task<bool> TryAddAsync(NewDevice device, CancellationToken cancellationToken) =>
        await source.Command(AddSql,
            P(device.Id), P(ReferenceOf(device.UserCode)), P(device.ClientId), P(device.Scopes), P(device.CreatedAt), P(device.ExpiresAt),
            P(device.Interval), P(device.Resources)).ExecuteAsync(cancellationToken) == 1;

    /// <summary>Null: there is no such device, it has expired, or its user has already decided.</summary>
    public Task<WaitingDevice?> FindAsync(string userCode, DateTimeOffset now, CancellationToken cancellationToken) =>
        source.Command(FindSql, P(ReferenceOf(userCode)), P(now)).FindAsync(row => new WaitingDevice(row.GetString(0), row.Texts(1)), cancellationToken);

    /// <summary>
    /// Writes the grant and assigns it to the device. False: the device has expired or was decided already, or the user, session or
    /// client has changed.
    /// </summary>
    public async Task<bool> TryAllowAsync(DeviceLeave leave) =>
        await source.Command(AllowSql,
            P(ReferenceOf(leave.UserCode)), P(leave.GrantId), P(leave.Now), P(leave.Session.Id), P(leave.Session.SecretHash),
            P(leave.CreatedAt), P(ExactInterval.Of(leave.PruneGrain)), Json(leave.Details), P(AuditEvents.SignInSucceeded),
            P(leave.Address), P(AuditReasons.Device), P(Protocol.GrantTypes.DeviceCode)).ExecuteAsync() == 1;

    /// <summary>False: it has expired or was decided already.</summary>
    public async Task<bool> TryDenyAsync(string userCode, DateTimeOffset now) =>
        await source.Command(DenySql, P(ReferenceOf(userCode)), P(now)).ExecuteAsync() == 1;

    /// <summary>Null: the device no longer exists.</summary>
    public Task<PolledDevice?> PollAsync(DevicePoll poll) =>
        source.Command(PollSql,
            P(poll.Id), P(poll.ClientId), P(poll.Now), P(poll.MayRefresh), P(ExactInterval.Of(poll.AccessLifetime)),
            P(ExactInterval.Of(poll.RefreshLifetime)), P(ExactInterval.Of(poll.AbsoluteLifetime)), P(ExactInterval.Of(poll.PruneGrain)),
            P(poll.DpopThumbprint), P(poll.Resources), P(poll.Reach), P(poll.ClientScopes)).FindAsync(Read);

    private static PolledDevice Read(NpgsqlDataReader row) => new(
        row.GetBoolean(15), row.GetString(16), row.GetBoolean(17), row.GetBoolean(18), row.Maybe<Guid?>(19), row.Maybe<int?>(20), row.Maybe<DateTimeOffset?>(21),
        row.IsDBNull(0) ? null : GrantStore.Read(row));

    /// <summary>The same hash as OpenIddict's manager uses to find it.</summary>
    private static string ReferenceOf(string userCode) => Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(userCode)));
}
