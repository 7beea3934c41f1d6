using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace IdentityServer.Storage.Migrations;

/// <summary>
/// What manifests said of their entries, so that a start can tell a changed file from a change by hand. Nodes of the version before
/// don't know of it, and go on applying all that their file says.
/// </summary>
[DbContext(typeof(AuthDb))]
[Migration("0006_manifest_entries")]
internal sealed class M0006_ManifestEntries : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(
        """
        CREATE TABLE manifest_entries (
            kind     text NOT NULL,
            name     text NOT NULL,
            by_start jsonb NOT NULL,
            by_apply jsonb NOT NULL,
            PRIMARY KEY (kind, name)
        );
        """);
}
