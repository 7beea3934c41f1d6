using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace IdentityServer.Storage.Migrations
{
    /// <inheritdoc />
    public partial class DeviceCodesAndPushedRequests : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            // By hand; the constants stand in DeviceCodesAndPushedRequests.Sql.cs.
            migrationBuilder.Sql(CarriedOver);

            migrationBuilder.DropTable(
                name: "device_authorizations");

            migrationBuilder.DropTable(
                name: "pushed_requests");

            migrationBuilder.Sql(ViewsForNodesOfBefore);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            throw new NotSupportedException("To go back is to start the old version: the schema stays.");
        }
    }
}
