namespace IdentityServer.Storage.Migrations;

/// <summary>
/// Whoever had rights on a table or its columns has them on the view in its place. What an operator made of the table goes with it, such as
/// a trigger, or keeps it from going, such as a view: neither unasked.
/// </summary>
public partial class Applications
{
    private const string TablesGo =
        """
        DO $$
        DECLARE
            its text;
            before regclass;
            right_of record;
            dependent text;
        BEGIN
            FOREACH its IN ARRAY '{clients,resources}'::text[] LOOP
                before := its || '_before';
                FOR right_of IN
                    SELECT format('GRANT %s%s ON %I TO %s%s', e.privilege_type, ' (' || quote_ident(r.of_column) || ')', its,
                                  CASE e.grantee WHEN 0 THEN 'PUBLIC' ELSE e.grantee::regrole::text END, CASE WHEN e.is_grantable THEN ' WITH GRANT OPTION' END) AS granted
                    FROM (SELECT COALESCE(relacl, acldefault('r', relowner)) AS acl, NULL::name AS of_column FROM pg_class WHERE oid = before
                          UNION ALL
                          SELECT attacl, attname FROM pg_attribute WHERE attrelid = before AND NOT attisdropped) r, aclexplode(r.acl) e
                    WHERE e.grantee <> (SELECT relowner FROM pg_class WHERE oid = its::regclass)
                LOOP
                    EXECUTE right_of.granted;
                END LOOP;

                SELECT string_agg(pg_describe_object(classid, objid, 0), ', ') INTO dependent
                FROM pg_depend
                WHERE refclassid = 'pg_class'::regclass AND refobjid = before AND deptype = 'a' AND classid IN ('pg_trigger'::regclass, 'pg_policy'::regclass, 'pg_rewrite'::regclass, 'pg_publication_rel'::regclass);
                BEGIN
                    IF dependent IS NULL THEN
                        EXECUTE format('DROP TABLE %s', before);
                    END IF;
                EXCEPTION WHEN dependent_objects_still_exist THEN
                    GET STACKED DIAGNOSTICS dependent = PG_EXCEPTION_DETAIL;
                END;
                IF dependent IS NOT NULL THEN
                    dependent := replace(regexp_replace(regexp_replace(dependent, ' depends on [^\n]*', '', 'g'), '\n', ', ', 'g'), before::text, its);
                    RAISE EXCEPTION 'the table % becomes a view, and these depend on it: %. Drop them, migrate, make them again', its, dependent USING ERRCODE = 'dependent_objects_still_exist';
                END IF;
            END LOOP;
        END
        $$;
        """;
}
