using Npgsql;
using NpgsqlTypes;

namespace IdentityServer.Storage;

/// <summary>How a statement is sent straight to Npgsql: its text is a constant, its parameters are typed and so never boxed.</summary>
internal static class Statements
{
    /// <summary>The PostgreSQL type follows from <typeparamref name="T"/>, even where the value is null.</summary>
    public static NpgsqlParameter<T> P<T>(T value) => new() { TypedValue = value };

    /// <param name="value">JSON, or null.</param>
    public static NpgsqlParameter<string?> Json(string? value) => new() { TypedValue = value, NpgsqlDbType = NpgsqlDbType.Jsonb };

    public static NpgsqlParameter<string[]> Json(string[] values) => new() { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb };

#pragma warning disable CA2100 // Every caller passes a constant.
    public static NpgsqlCommand Command(this NpgsqlDataSource source, string sql, params ReadOnlySpan<NpgsqlParameter> parameters) =>
        With(source.CreateCommand(sql), parameters);

    public static NpgsqlCommand Command(this NpgsqlConnection connection, string sql, params ReadOnlySpan<NpgsqlParameter> parameters) =>
        With(new NpgsqlCommand(sql, connection), parameters);
#pragma warning restore CA2100

    /// <summary>Sends and disposes the command, as do the methods below.</summary>
    /// <returns>The number of rows written.</returns>
    public static async Task<int> ExecuteAsync(this NpgsqlCommand command, CancellationToken cancellationToken = default)
    {
        await using (command)
            return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <returns>The first column of the first row; null if there is none.</returns>
    public static async Task<object?> ScalarAsync(this NpgsqlCommand command, CancellationToken cancellationToken = default)
    {
        await using (command)
            return await command.ExecuteScalarAsync(cancellationToken);
    }

    /// <returns>The first row; null if there is none.</returns>
    public static async Task<T?> FindAsync<T>(this NpgsqlCommand command, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken = default)
        where T : class
    {
        await using (command)
        {
            await using var row = await command.ExecuteReaderAsync(cancellationToken);
            return await row.ReadAsync(cancellationToken) ? read(row) : null;
        }
    }

    public static async Task<List<T>> ListAsync<T>(this NpgsqlCommand command, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken = default)
    {
        await using (command)
        {
            await using var row = await command.ExecuteReaderAsync(cancellationToken);
            var rows = new List<T>();
            while (await row.ReadAsync(cancellationToken))
                rows.Add(read(row));
            return rows;
        }
    }

    public static DateTimeOffset Time(this NpgsqlDataReader row, int column) => row.GetFieldValue<DateTimeOffset>(column);

    public static string[] Texts(this NpgsqlDataReader row, int column) => row.GetFieldValue<string[]>(column);

    /// <summary>Null where the column is. Of a value type ask for the nullable one: <c>Maybe&lt;int?&gt;</c>.</summary>
    public static T? Maybe<T>(this NpgsqlDataReader row, int column) => row.IsDBNull(column) ? default : row.GetFieldValue<T>(column);

    private static NpgsqlCommand With(NpgsqlCommand command, ReadOnlySpan<NpgsqlParameter> parameters)
    {
        foreach (var parameter in parameters)
            command.Parameters.Add(parameter);
        return command;
    }
}
