using Npgsql;
using Testing;

namespace LocalPostgres.Tests;

/// <summary>This test program once more, as a process that holds a share in a directory's server.</summary>
internal static class Holder
{
    public const string Holding = "HOLDING ";

    public static ProgramProcess Start(string directory, string? binaries = null, IReadOnlyDictionary<string, string?>? environment = null) =>
        ProgramProcess.Start(typeof(Holder).Assembly.Location, ["hold", directory, .. binaries is null ? [] : new[] { binaries }], environment);

    /// <summary>Its connection string, once the server is up.</summary>
    public static async Task<string> HoldsAsync(this ProgramProcess holder) => (await holder.SaysAsync(Holding))[Holding.Length..];

    public static async Task<object?> QueryAsync(string connectionString, string sql)
    {
        var builder = new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false };
        await using var connection = new NpgsqlConnection(builder.ConnectionString);
        await connection.OpenAsync();
#pragma warning disable CA2100 // The tests' own constants.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync();
    }
}
