namespace IdentityServer.Storage.Migrations;

/// <summary>Device codes, user codes and pushed requests become OpenIddict's tokens; those that wait go on.</summary>
public partial class DeviceCodesAndPushedRequests
{
    /// <summary>A user code is known by its hash from now on, as OpenIddict's manager looks for it.</summary>
    private const string CarriedOver =
        """
        LOCK TABLE device_authorizations, pushed_requests IN ACCESS EXCLUSIVE MODE;
        ALTER TABLE tokens ALTER COLUMN properties TYPE jsonb USING properties::jsonb;

        INSERT INTO tokens (id, application_id, type, status, creation_date, expiration_date, payload, properties)
        SELECT p.id, a.id, 'urn:openiddict:params:oauth:token-type:request_token', 'valid', now(), p.expires_at, p.parameters,
               jsonb_strip_nulls(jsonb_build_object('dpop_jkt', p.dpop_jkt))
        FROM pushed_requests p JOIN applications a ON a.client_id = p.client_id;

        INSERT INTO tokens (id, application_id, type, status, creation_date, expiration_date, reference_id, properties)
        SELECT gen_random_uuid(), a.id, 'urn:openiddict:params:oauth:token-type:user_code',
               CASE WHEN d.denied_at IS NOT NULL THEN 'rejected' WHEN d.grant_id IS NOT NULL THEN 'redeemed' ELSE 'valid' END,
               d.created_at, d.expires_at, encode(sha256(convert_to(d.user_code, 'UTF8')), 'base64'),
               jsonb_strip_nulls(jsonb_build_object('device_code', d.id, 'scopes', d.scopes, 'resources', d.resources))
        FROM device_authorizations d JOIN applications a ON a.client_id = d.client_id;

        INSERT INTO tokens (id, application_id, type, status, creation_date, expiration_date, properties)
        SELECT d.id, a.id, 'urn:openiddict:params:oauth:token-type:device_code',
               CASE WHEN d.denied_at IS NOT NULL THEN 'rejected' WHEN d.grant_id IS NULL THEN 'inactive' WHEN g.generation > 0 THEN 'redeemed' ELSE 'valid' END,
               d.created_at, d.expires_at,
               jsonb_strip_nulls(jsonb_build_object('interval', d.poll_interval, 'polled_at', d.polled_at, 'grant_id', d.grant_id))
        FROM device_authorizations d JOIN applications a ON a.client_id = d.client_id LEFT JOIN grants g ON g.id = d.grant_id;
        """;

    /// <summary>
    /// Each code of a node of the version before, pushed or not, is written by a statement that names <c>pushed_requests</c>: it goes on
    /// working. What asks for a device there finds none, and what writes one fails by 55000, which is answered with 503.
    /// </summary>
    private const string ViewsForNodesOfBefore =
        """
        CREATE VIEW pushed_requests AS
        SELECT t.ctid AS ctid, t.id, (SELECT a.client_id::text FROM applications a WHERE a.id = t.application_id) AS client_id,
               t.payload AS parameters, t.properties ->> 'dpop_jkt' AS dpop_jkt, t.expiration_date AS expires_at
        FROM tokens t WHERE t.type = 'urn:openiddict:params:oauth:token-type:request_token' AND t.status = 'valid';

        CREATE FUNCTION pushed_requests_written() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO tokens (id, application_id, type, status, creation_date, expiration_date, payload, properties)
            SELECT NEW.id, id, 'urn:openiddict:params:oauth:token-type:request_token', 'valid', now(), NEW.expires_at, NEW.parameters,
                   jsonb_strip_nulls(jsonb_build_object('dpop_jkt', NEW.dpop_jkt))
            FROM applications WHERE client_id = NEW.client_id FOR KEY SHARE;
            RETURN NEW;
        END
        $$;
        CREATE TRIGGER pushed_requests_written INSTEAD OF INSERT ON pushed_requests FOR EACH ROW EXECUTE FUNCTION pushed_requests_written();

        CREATE VIEW device_authorizations AS
        SELECT NULL::tid AS ctid, NULL::uuid AS id, NULL::text AS user_code, NULL::text AS client_id, '{}'::text[] AS scopes, '{}'::text[] AS resources,
               NULL::text AS dpop_jkt, NULL::timestamptz AS created_at, NULL::timestamptz AS expires_at, 0 AS poll_interval,
               NULL::timestamptz AS polled_at, NULL::uuid AS grant_id, NULL::timestamptz AS denied_at
        WHERE false;
        """;
}
