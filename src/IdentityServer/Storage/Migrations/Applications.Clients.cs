namespace IdentityServer.Storage.Migrations;

/// <summary>
/// The table of clients becomes OpenIddict's applications. In its place stands a view of the same name and columns: what asks for a client
/// in SQL reads it by the names of RFC 7591, and nodes of the version before go on reading and writing while they are replaced.
/// What OpenIddict's manager wrote counts: a client is public by its type alone, and one whose requirements say so must push.
/// The trigger's function runs as its owner and with the schema of these tables, as <c>users_deleted</c> does: rights on the view suffice.
/// </summary>
public partial class Applications
{
    private const string ClientsAreAView =
        """
        ALTER TABLE clients RENAME TO clients_before;

        CREATE VIEW clients AS
        SELECT a.client_id::text AS client_id,
               a.display_name AS name,
               CASE a.client_type WHEN 'public' THEN 'none' ELSE COALESCE(NULLIF(a.properties ->> 'token_endpoint_auth_method', 'none'), 'client_secret_basic') END AS auth_method,
               COALESCE(string_to_array(a.client_secret, ' '), '{}') AS secret_hashes,
               ARRAY(SELECT substr(p, 4) FROM jsonb_array_elements_text(a.permissions) WITH ORDINALITY AS e (p, i) WHERE p LIKE 'gt:%' ORDER BY i) AS grant_types,
               ARRAY(SELECT substr(p, 5) FROM jsonb_array_elements_text(a.permissions) WITH ORDINALITY AS e (p, i) WHERE p LIKE 'scp:%' ORDER BY i) AS scopes,
               ARRAY(SELECT u FROM jsonb_array_elements_text(a.redirect_uris::jsonb) WITH ORDINALITY AS e (u, i) ORDER BY i) AS redirect_uris,
               a.properties ->> 'access_token_signed_response_alg' AS signing_algorithm,
               a.disabled,
               COALESCE(a.properties, '{}') - '{token_endpoint_auth_method,access_token_signed_response_alg}'::text[]
                   || CASE WHEN a.json_web_key_set IS NULL THEN '{}' ELSE jsonb_build_object('jwks', a.json_web_key_set) END
                   || CASE WHEN a.requirements ? 'ft:par' THEN '{"require_pushed_authorization_requests":true}'::jsonb ELSE '{}' END
                   || jsonb_strip_nulls(jsonb_build_object(
                          'application_type', a.application_type,
                          'post_logout_redirect_uris', a.post_logout_redirect_uris::jsonb,
                          'require_consent', CASE a.consent_type WHEN 'implicit' THEN false WHEN 'explicit' THEN true END)) AS metadata,
               a.registered_at,
               a.registration_token_hash
        FROM applications a;

        ALTER VIEW clients ALTER COLUMN metadata SET DEFAULT '{}';

        CREATE FUNCTION clients_written() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        DECLARE
            latest clients%ROWTYPE;
            changed jsonb := to_jsonb(NEW);
            is_code boolean;
        BEGIN
            IF TG_OP = 'DELETE' THEN
                DELETE FROM applications WHERE client_id = OLD.client_id;
                RETURN CASE WHEN FOUND THEN OLD END;
            END IF;
            IF TG_OP = 'INSERT' THEN
                INSERT INTO applications (id, client_id, disabled) VALUES (gen_random_uuid(), NEW.client_id, false);
            ELSE
                -- OLD is as old as the statement: what another wrote while this one waited for the row stays, but for what this one changes.
                PERFORM FROM applications WHERE client_id = OLD.client_id FOR UPDATE;
                SELECT * INTO latest FROM clients WHERE client_id = OLD.client_id;
                IF NOT FOUND THEN
                    RETURN NULL;
                END IF;
                changed := (SELECT COALESCE(jsonb_object_agg(key, value), '{}') FROM jsonb_each(changed) WHERE value IS DISTINCT FROM to_jsonb(OLD) -> key);
                NEW := jsonb_populate_record(latest, changed);
            END IF;
            is_code := 'authorization_code' = ANY (NEW.grant_types);
            UPDATE applications SET
                client_id = NEW.client_id,
                display_name = NEW.name,
                client_type = CASE NEW.auth_method WHEN 'none' THEN 'public' ELSE 'confidential' END,
                client_secret = NULLIF(array_to_string(NEW.secret_hashes, ' '), ''),
                permissions = CASE WHEN changed ?| '{grant_types,scopes}' THEN to_jsonb(
                    ARRAY(SELECT 'gt:' || g FROM unnest(NEW.grant_types) WITH ORDINALITY AS e (g, i) ORDER BY i)
                    || ARRAY(SELECT 'scp:' || s FROM unnest(NEW.scopes) WITH ORDINALITY AS e (s, i) ORDER BY i)
                    || '{ept:token,ept:introspection,ept:revocation}'::text[]
                    || CASE WHEN is_code THEN '{ept:authorization,ept:pushed_authorization,ept:end_session,rst:code}'::text[] END
                    || CASE WHEN 'urn:ietf:params:oauth:grant-type:device_code' = ANY (NEW.grant_types) THEN '{ept:device_authorization}'::text[] END) ELSE permissions END,
                requirements = CASE WHEN changed ?| '{grant_types,metadata}' THEN to_jsonb(
                    CASE WHEN is_code AND NEW.metadata -> 'require_pkce' IS DISTINCT FROM 'false' THEN '{ft:pkce}'::text[] ELSE '{}' END
                    || CASE WHEN NEW.metadata -> 'require_pushed_authorization_requests' = 'true' THEN '{ft:par}'::text[] END) ELSE requirements END,
                redirect_uris = CASE WHEN changed ? 'redirect_uris' THEN to_jsonb(NEW.redirect_uris)::text ELSE redirect_uris END,
                post_logout_redirect_uris = (NEW.metadata -> 'post_logout_redirect_uris')::text,
                application_type = NEW.metadata ->> 'application_type',
                consent_type = CASE WHEN NOT changed ? 'metadata' THEN consent_type WHEN NEW.metadata -> 'require_consent' = 'false' THEN 'implicit' WHEN NEW.metadata -> 'require_consent' = 'true' THEN 'explicit' END,
                json_web_key_set = NEW.metadata -> 'jwks',
                properties = CASE WHEN changed ?| '{metadata,auth_method,signing_algorithm}' THEN NEW.metadata - '{post_logout_redirect_uris,application_type,require_consent,jwks}'::text[]
                    || jsonb_strip_nulls(jsonb_build_object('token_endpoint_auth_method', NEW.auth_method, 'access_token_signed_response_alg', NEW.signing_algorithm)) ELSE properties END,
                disabled = NEW.disabled,
                registered_at = NEW.registered_at,
                registration_token_hash = NEW.registration_token_hash,
                concurrency_token = gen_random_uuid()::text
            WHERE client_id = CASE TG_OP WHEN 'INSERT' THEN NEW.client_id ELSE OLD.client_id END;
            RETURN CASE WHEN FOUND THEN NEW END;
        END
        $$;
        REVOKE ALL ON FUNCTION clients_written() FROM PUBLIC;
        DO $$ BEGIN EXECUTE format('ALTER FUNCTION clients_written() SET search_path = %I, pg_temp', current_schema()); END $$;
        CREATE TRIGGER clients_written INSTEAD OF INSERT OR UPDATE OR DELETE ON clients FOR EACH ROW EXECUTE FUNCTION clients_written();

        INSERT INTO clients (client_id, name, auth_method, secret_hashes, grant_types, scopes, redirect_uris, signing_algorithm, disabled, metadata, registered_at, registration_token_hash)
        SELECT client_id, name, auth_method, secret_hashes, grant_types, scopes, redirect_uris, signing_algorithm, disabled, metadata, registered_at, registration_token_hash
        FROM clients_before;
        """;
}
