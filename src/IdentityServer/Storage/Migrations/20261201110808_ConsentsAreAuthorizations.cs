using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace IdentityServer.Storage.Migrations
{
    /// <inheritdoc />
    public partial class ConsentsAreAuthorizations : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            // By hand: PostgreSQL wants to be told how a text becomes jsonb. The lock first: nodes of before write no consent meanwhile.
            migrationBuilder.Sql(
                """
                LOCK TABLE consents IN ACCESS EXCLUSIVE MODE;
                ALTER TABLE authorizations ALTER COLUMN scopes TYPE jsonb USING scopes::jsonb, ALTER COLUMN properties TYPE jsonb USING properties::jsonb;
                """);

            // What a manager wrote before allowed nothing here. It does not begin to now, and does not stand in the way of the index.
            migrationBuilder.Sql("UPDATE authorizations SET status = 'revoked' WHERE type = 'permanent' AND status = 'valid';");

            migrationBuilder.CreateIndex(
                name: "authorizations_by_application_id_subject",
                table: "authorizations",
                columns: new[] { "application_id", "subject" },
                unique: true,
                filter: "type = 'permanent' AND status = 'valid'");

            migrationBuilder.CreateIndex(
                name: "authorizations_by_subject",
                table: "authorizations",
                column: "subject");

            migrationBuilder.Sql(
                """
                INSERT INTO authorizations (id, concurrency_token, type, status, application_id, subject, scopes, creation_date, properties)
                SELECT gen_random_uuid(), gen_random_uuid()::text, 'permanent', 'valid', a.id, c.user_id::text, to_jsonb(c.scopes), c.granted_at,
                       jsonb_build_object('granted_at', c.granted_at, 'claims', c.claims)
                FROM consents c JOIN applications a ON a.client_id = c.client_id;
                """);

            migrationBuilder.DropTable(
                name: "consents");

            // Nodes of the version before look into it for every session. They write nothing through it: SQLSTATE 55000, which they answer with 503.
            migrationBuilder.Sql(
                """
                CREATE VIEW consents AS
                SELECT CASE WHEN c.subject ~ '^[0-9a-f-]{36}$' THEN c.subject::uuid END AS user_id, a.client_id,
                       ARRAY(SELECT jsonb_array_elements_text(c.scopes)) AS scopes, ARRAY(SELECT jsonb_array_elements_text(c.properties -> 'claims')) AS claims,
                       COALESCE((c.properties ->> 'granted_at')::timestamptz, c.creation_date) AS granted_at
                FROM authorizations c JOIN applications a ON a.id = c.application_id
                WHERE c.type = 'permanent' AND c.status = 'valid';
                """);

            // A subject is no foreign key. Whoever deletes an account, by whatever statement, deletes what it allowed; see users_deleted for the
            // rights that this runs with.
            migrationBuilder.Sql(
                """
                CREATE FUNCTION authorizations_go() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
                BEGIN
                    IF TG_OP = 'DELETE' THEN
                        DELETE FROM authorizations WHERE subject = OLD.id::text;
                    ELSE
                        DELETE FROM authorizations WHERE subject IN (SELECT id::text FROM users);
                    END IF;
                    RETURN OLD;
                END
                $$;
                REVOKE ALL ON FUNCTION authorizations_go() FROM PUBLIC;
                DO $$ BEGIN EXECUTE format('ALTER FUNCTION authorizations_go() SET search_path = %I, pg_temp', current_schema()); END $$;
                CREATE TRIGGER authorizations_go BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION authorizations_go();
                CREATE TRIGGER authorizations_go_all BEFORE TRUNCATE ON users FOR EACH STATEMENT EXECUTE FUNCTION authorizations_go();
                """);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            throw new NotSupportedException("To go back is to start the old version: the schema stays.");
        }
    }
}
