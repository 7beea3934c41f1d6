using Npgsql;
using Testing;
using Xunit;

namespace LocalPostgres.Tests;

public sealed class TestDatabaseTests
{
    [Fact]
    public async Task A_database_is_a_clone_of_its_template_and_gone_when_disposed()
    {
        var migrations = 0;
        async Task Migrate(string connectionString)
        {
            Interlocked.Increment(ref migrations);
            await using var source = NpgsqlDataSource.Create(connectionString);
            await using var command = source.CreateCommand("CREATE TABLE notes (text text)");
            await command.ExecuteNonQueryAsync();
        }

        var databases = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => TestDatabase.CreateAsync("notes", Migrate)));
        Assert.InRange(migrations, 0, 1);
        Assert.Equal(4, databases.Select(database => database.ConnectionString).Distinct().Count());

        foreach (var database in databases)
        {
            await using (var source = NpgsqlDataSource.Create(database.ConnectionString))
            {
                await using var command = source.CreateCommand("INSERT INTO notes VALUES ('mine') RETURNING (SELECT count(*) FROM notes)");
                Assert.Equal(0L, await command.ExecuteScalarAsync(TestContext.Current.CancellationToken));
            }

            await database.DisposeAsync();
            await using var connection = new NpgsqlConnection(database.ConnectionString);
            var gone = await Assert.ThrowsAsync<PostgresException>(() => connection.OpenAsync(TestContext.Current.CancellationToken));
            Assert.Equal(PostgresErrorCodes.InvalidCatalogName, gone.SqlState);
        }
    }
}
