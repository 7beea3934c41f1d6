namespace IdentityServer.Storage.Migrations;

/// <summary>What EF Core has no word for: functions, triggers, and who may run them.</summary>
public partial class Baseline
{
    /// <summary>
    /// The audit trail is append-only against mistakes of ours and of operators: a row is not changed, and goes only where the
    /// one who deletes says up to when (the job <c>prune</c> does, for its transaction). Whoever owns the table can take the
    /// triggers away: who must not be able to ships the rows elsewhere.
    /// </summary>
    private const string AuditTrailStays =
        """
        CREATE FUNCTION audit_events_stay() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' THEN
                IF OLD.at <= NULLIF(current_setting('identityserver.audit_prune_until', true), '')::timestamptz THEN
                    RETURN OLD;
                END IF;
            END IF;
            RAISE EXCEPTION 'audit_events is append-only' USING ERRCODE = 'insufficient_privilege';
        END
        $$;
        CREATE TRIGGER audit_events_stay BEFORE DELETE OR UPDATE ON audit_events FOR EACH ROW EXECUTE FUNCTION audit_events_stay();
        CREATE TRIGGER audit_events_stay_all BEFORE TRUNCATE ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION audit_events_stay();
        """;

    /// <summary>
    /// <para>
    /// Whoever deletes an account, by whatever statement, ends what it was given: one <c>sub</c> entry of the revocation feed in the
    /// deletion's own transaction, whose number orders it like every other. The trigger runs before each row goes, because the cascade
    /// takes the grants that say how late the entry must be, and because the row is locked by then: a sign-in that was quicker is seen,
    /// and a slower one finds no account. The cascade costs eight statements a row anyway; this is three more.
    /// </para>
    /// <para>
    /// <c>until</c> comes from <c>configuration.longest_access_token</c>, to which every node adds its own lifetime at start: no token
    /// that is out can live longer, whatever the nodes of today are set to.
    /// </para>
    /// <para>
    /// The function runs as its owner and with the schema of these tables: so a role that may only delete accounts ends them too, from
    /// any search path. It is nobody else's to put on a table of their own. Messages to clients it writes unprotected: the database has
    /// no key, and they hold no secret.
    /// </para>
    /// </summary>
    private const string DeletedUsersEnd =
        """
        CREATE FUNCTION users_deleted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        DECLARE
            gone uuid[];
            moment timestamptz := clock_timestamp();
        BEGIN
            IF TG_OP = 'DELETE' THEN
                gone := ARRAY[OLD.id];
            ELSE
                SELECT array_agg(id) INTO gone FROM users;
            END IF;

            -- Later than every grant there is, whatever the clocks of nodes say: the id of a grant begins with its time in milliseconds.
            INSERT INTO revocations (subject, at, until)
            SELECT e.subject::text, e.at, GREATEST(e.at, e.last, moment) + make_interval(secs => c.longest_access_token + 60)
            FROM configuration c, (
                SELECT g.subject, max(GREATEST(g.created_at, g.rotated_at)) AS last,
                       GREATEST(date_trunc('milliseconds', moment),
                                timestamptz 'epoch' + interval '1 millisecond'
                                    * (1 + max(('x' || left(g.id::text, 8) || substr(g.id::text, 10, 4))::bit(48)::bigint))) AS at
                FROM grants g WHERE g.subject = ANY (gone) GROUP BY g.subject
            ) e;

            INSERT INTO outbox (id, kind, protected_message, attempts, due_at, expires_at, target)
            SELECT gen_random_uuid(), 'deleted_session',
                   convert_to(json_build_object('ClientId', m.client_id, 'Subject', m.user_id, 'SessionId', m.session_id)::text, 'UTF8'),
                   0, moment, moment + interval '86400 seconds', m.client_id
            FROM (
                SELECT DISTINCT s.user_id, s.id AS session_id, r.client_id
                FROM sessions s JOIN session_grants r ON r.session_id = s.id JOIN clients c ON c.client_id = r.client_id
                WHERE s.user_id = ANY (gone) AND s.ended_at IS NULL AND s.expires_at > moment
                  AND NOT c.disabled AND c.metadata ->> 'backchannel_logout_uri' IS NOT NULL
            ) m;

            INSERT INTO audit_events (at, event, subject) SELECT moment, 'user_deleted', id FROM unnest(gone) AS id;
            RETURN OLD;
        END
        $$;
        REVOKE ALL ON FUNCTION users_deleted() FROM PUBLIC;
        DO $$ BEGIN EXECUTE format('ALTER FUNCTION users_deleted() SET search_path = %I, pg_temp', current_schema()); END $$;
        CREATE TRIGGER users_deleted BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION users_deleted();
        CREATE TRIGGER users_deleted_all BEFORE TRUNCATE ON users FOR EACH STATEMENT EXECUTE FUNCTION users_deleted();
        """;
}
