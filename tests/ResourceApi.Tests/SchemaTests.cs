using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Npgsql;
using ResourceApi.Storage;
using Testing;
using Xunit;

namespace ResourceApi.Tests;

public sealed class SchemaTests
{
    [Fact]
    public async Task The_migrations_produce_the_schema_of_the_model()
    {
        await using var database = await TestDatabase.CreateAsync("resource", connectionString => Schema.MigrateAsync(connectionString, default));
        await using var db = new DataStoreDb(new DbContextOptionsBuilder<DataStoreDb>().UseNpgsql(database.ConnectionString).Options);
        var entity = db.GetService<IDesignTimeModel>().Model.FindEntityType(typeof(ItemRow))!;
        var table = StoreObjectIdentifier.Create(entity, StoreObjectType.Table)!.Value;
        var modelled = entity.GetProperties()
            .Select(property => $"{property.GetColumnName(table)} {property.GetColumnType()} {(property.IsNullable ? "YES" : "NO")} {property.GetCollation() ?? "-"}")
            .Order(StringComparer.Ordinal);

        await using var connection = new NpgsqlConnection(database.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("""
            SELECT column_name || ' ' || data_type || ' ' || is_nullable || ' ' || COALESCE(collation_name, '-')
            FROM information_schema.columns WHERE table_name = 'items'
            """, connection);
        List<string> columns = [];
        await using (var reader = await command.ExecuteReaderAsync())
        {
            while (await reader.ReadAsync())
                columns.Add(reader.GetString(0));
        }

        Assert.Equal(modelled, columns.Order(StringComparer.Ordinal));
        await using var key = new NpgsqlCommand("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'pk_items'", connection);
        Assert.Equal("PRIMARY KEY (owner, key)", await key.ExecuteScalarAsync());
        Assert.Equal(db.Database.GetMigrations(), Schema.Migrations);
        Assert.Equal(["Owner", "Key"], entity.FindPrimaryKey()!.Properties.Select(property => property.Name));
    }
}
