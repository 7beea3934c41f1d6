using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace IdentityServer.Storage.Migrations;

/// <summary>
/// Whom a message of the outbox goes to, where one that hangs must not hold up the others. Nodes of the version before leave it null
/// and go on as they did.
/// </summary>
[DbContext(typeof(AuthDb))]
[Migration("0004_outbox_target")]
internal sealed class M0004_OutboxTarget : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql("ALTER TABLE outbox ADD COLUMN target text;");
}
