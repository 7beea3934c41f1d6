namespace IdentityServer.Storage.Migrations;

/// <summary>
/// The table of clients becomes OpenIddict's applications. In its place stands a view of the same name and columns: what asks for a client
/// in SQL reads it by the names of RFC 7591, and nodes of the version before go on reading and writing while they are replaced.
/// </summary>
public partial class Applications
{
    private const string ClientsAreAView =
        """
        ALTER TABLE clients RENAME TO clients_before;

        CREATE VIEW clients AS
        SELECT a.client_id::text AS client_id,
               a.display_name AS name,
               COALESCE(a.properties ->> 'token_endpoint_auth_method', CASE a.client_type WHEN 'public' THEN 'none' ELSE 'client_secret_basic' END) AS auth_method,
               COALESCE(string_to_array(a.client_secret, ' '), '{}') AS secret_hashes,
               ARRAY(SELECT substr(p, 4) FROM jsonb_array_elements_text(a.permissions) WITH ORDINALITY AS e (p, i) WHERE p LIKE 'gt:%' ORDER BY i) AS grant_types,
               ARRAY(SELECT substr(p, 5) FROM jsonb_array_elements_text(a.permissions) WITH ORDINALITY AS e (p, i) WHERE p LIKE 'scp:%' ORDER BY i) AS scopes,
               ARRAY(SELECT u FROM jsonb_array_elements_text(a.redirect_uris::jsonb) WITH ORDINALITY AS e (u, i) ORDER BY i) AS redirect_uris,
               a.properties ->> 'access_token_signed_response_alg' AS signing_algorithm,
               a.disabled,
               COALESCE(a.properties, '{}') - '{token_endpoint_auth_method,access_token_signed_response_alg}'::text[]
                   || CASE WHEN a.json_web_key_set IS NULL THEN '{}' ELSE jsonb_build_object('jwks', a.json_web_key_set) END
                   || jsonb_strip_nulls(jsonb_build_object(
                          'application_type', a.application_type,
                          'post_logout_redirect_uris', a.post_logout_redirect_uris::jsonb,
                          'require_consent', CASE a.consent_type WHEN 'implicit' THEN false WHEN 'explicit' THEN true END)) AS metadata,
               a.registered_at,
               a.registration_token_hash
        FROM applications a;

        ALTER VIEW clients ALTER COLUMN metadata SET DEFAULT '{}';

        CREATE FUNCTION clients_written() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            is_code boolean;
        BEGIN
            IF TG_OP = 'DELETE' THEN
                DELETE FROM applications WHERE client_id = OLD.client_id;
                RETURN CASE WHEN FOUND THEN OLD END;
            END IF;
            IF TG_OP = 'INSERT' THEN
                INSERT INTO applications (id, client_id, disabled) VALUES (gen_random_uuid(), NEW.client_id, false);
            END IF;
            is_code := 'authorization_code' = ANY (NEW.grant_types);
            UPDATE applications SET
                client_id = NEW.client_id,
                display_name = NEW.name,
                client_type = CASE NEW.auth_method WHEN 'none' THEN 'public' ELSE 'confidential' END,
                client_secret = NULLIF(array_to_string(NEW.secret_hashes, ' '), ''),
                permissions = to_jsonb(
                    ARRAY(SELECT 'gt:' || g FROM unnest(NEW.grant_types) WITH ORDINALITY AS e (g, i) ORDER BY i)
                    || ARRAY(SELECT 'scp:' || s FROM unnest(NEW.scopes) WITH ORDINALITY AS e (s, i) ORDER BY i)
                    || '{ept:token,ept:introspection,ept:revocation}'::text[]
                    || CASE WHEN is_code THEN '{ept:authorization,ept:pushed_authorization,ept:end_session,rst:code}'::text[] END
                    || CASE WHEN 'urn:ietf:params:oauth:grant-type:device_code' = ANY (NEW.grant_types) THEN '{ept:device_authorization}'::text[] END),
                requirements = to_jsonb(
                    CASE WHEN is_code AND NEW.metadata -> 'require_pkce' IS DISTINCT FROM 'false' THEN '{ft:pkce}'::text[] ELSE '{}' END
                    || CASE WHEN NEW.metadata -> 'require_pushed_authorization_requests' = 'true' THEN '{ft:par}'::text[] END),
                redirect_uris = to_jsonb(NEW.redirect_uris)::text,
                post_logout_redirect_uris = (NEW.metadata -> 'post_logout_redirect_uris')::text,
                application_type = NEW.metadata ->> 'application_type',
                consent_type = CASE NEW.metadata -> 'require_consent' WHEN 'false' THEN 'implicit' WHEN 'true' THEN 'explicit' END,
                json_web_key_set = NEW.metadata -> 'jwks',
                properties = NEW.metadata - '{post_logout_redirect_uris,application_type,require_consent,jwks}'::text[]
                    || jsonb_strip_nulls(jsonb_build_object('token_endpoint_auth_method', NEW.auth_method, 'access_token_signed_response_alg', NEW.signing_algorithm)),
                disabled = NEW.disabled,
                registered_at = NEW.registered_at,
                registration_token_hash = NEW.registration_token_hash,
                concurrency_token = gen_random_uuid()::text
            WHERE client_id = CASE TG_OP WHEN 'INSERT' THEN NEW.client_id ELSE OLD.client_id END;
            RETURN CASE WHEN FOUND THEN NEW END;
        END
        $$;
        CREATE TRIGGER clients_written INSTEAD OF INSERT OR UPDATE OR DELETE ON clients FOR EACH ROW EXECUTE FUNCTION clients_written();

        INSERT INTO clients (client_id, name, auth_method, secret_hashes, grant_types, scopes, redirect_uris, signing_algorithm, disabled, metadata, registered_at, registration_token_hash)
        SELECT client_id, name, auth_method, secret_hashes, grant_types, scopes, redirect_uris, signing_algorithm, disabled, metadata, registered_at, registration_token_hash
        FROM clients_before;
        DROP TABLE clients_before;
        """;
}
