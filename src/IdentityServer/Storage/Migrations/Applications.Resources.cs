namespace IdentityServer.Storage.Migrations;

/// <summary>The scopes of resources become OpenIddict's. The view and its trigger are as those of clients.</summary>
public partial class Applications
{
    private const string ResourcesAreAView =
        """
        ALTER TABLE resources RENAME TO resources_before;

        CREATE VIEW resources AS
        SELECT r.identifier, r.name,
               ARRAY(SELECT s.name::text FROM scopes s WHERE s.resources::jsonb ? r.identifier ORDER BY s.name COLLATE "C") AS scopes,
               r.client_id
        FROM resource_servers r;

        CREATE FUNCTION resources_written() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        DECLARE
            latest resources%ROWTYPE;
            its text := COALESCE(OLD.identifier, NEW.identifier);
            wanted text[];
        BEGIN
            IF TG_OP = 'INSERT' THEN
                INSERT INTO resource_servers (identifier, name, client_id) VALUES (NEW.identifier, NEW.name, NEW.client_id);
            ELSIF TG_OP = 'UPDATE' THEN
                PERFORM FROM resource_servers WHERE identifier = its FOR UPDATE;
                SELECT * INTO latest FROM resources WHERE identifier = its;
                NEW := jsonb_populate_record(latest, (SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(NEW)) WHERE value IS DISTINCT FROM to_jsonb(OLD) -> key));
                UPDATE resource_servers SET name = NEW.name, client_id = NEW.client_id WHERE identifier = its;
            ELSE
                DELETE FROM resource_servers WHERE identifier = its;
            END IF;
            IF NOT FOUND THEN
                RETURN NULL;
            END IF;

            wanted := COALESCE(NEW.scopes, '{}');
            UPDATE scopes SET resources = (resources::jsonb - its)::text, concurrency_token = gen_random_uuid()::text
            WHERE resources::jsonb ? its AND name <> ALL (wanted);
            DELETE FROM scopes WHERE resources = '[]' AND display_name IS NULL AND description IS NULL;
            INSERT INTO scopes AS s (id, name, resources, concurrency_token)
            SELECT gen_random_uuid(), w, jsonb_build_array(its)::text, gen_random_uuid()::text FROM (SELECT DISTINCT unnest(wanted) AS w) all_wanted
            ON CONFLICT (name) DO UPDATE
                SET resources = (COALESCE(s.resources, '[]')::jsonb || excluded.resources::jsonb)::text, concurrency_token = excluded.concurrency_token
                WHERE NOT COALESCE(s.resources, '[]')::jsonb ? its;
            RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
        END
        $$;
        REVOKE ALL ON FUNCTION resources_written() FROM PUBLIC;
        DO $$ BEGIN EXECUTE format('ALTER FUNCTION resources_written() SET search_path = %I, pg_temp', current_schema()); END $$;
        CREATE TRIGGER resources_written INSTEAD OF INSERT OR UPDATE OR DELETE ON resources FOR EACH ROW EXECUTE FUNCTION resources_written();

        INSERT INTO resources (identifier, name, scopes, client_id) SELECT identifier, name, scopes, client_id FROM resources_before;
        """;
}
