using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace ResourceApi.Storage.Migrations;

[DbContext(typeof(DataStoreDb))]
[Migration(Id)]
internal sealed class CreateItems : Migration
{
    public const string Id = "20261120000000_CreateItems";

    protected override void Up(MigrationBuilder migrationBuilder)
    {
        // Collation "C" on UTF-8 is the order of code points, on every machine, and what an index can search by prefix.
        // The value is last: the columns that a list reads lie before it. fillfactor leaves room to change a row in place.
        migrationBuilder.Sql("""
            CREATE TABLE items (
                owner      text COLLATE "C" NOT NULL,
                key        text COLLATE "C" NOT NULL,
                version    bigint NOT NULL,
                size       integer NOT NULL,
                created_at timestamp with time zone NOT NULL,
                updated_at timestamp with time zone NOT NULL,
                value      text NOT NULL,
                CONSTRAINT pk_items PRIMARY KEY (owner, key)
            ) WITH (fillfactor = 85);
            """);
    }

    protected override void Down(MigrationBuilder migrationBuilder) => migrationBuilder.DropTable("items");
}
