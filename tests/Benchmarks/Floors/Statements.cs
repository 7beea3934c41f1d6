using System.Threading.Channels;
using Npgsql;

namespace Benchmarks.Floors;

/// <summary>Connections that each hold one prepared statement, as many as the ResourceApi's pool.</summary>
internal sealed class Statements
{
    private const int Count = 20;

    private readonly Channel<NpgsqlCommand> _free = Channel.CreateUnbounded<NpgsqlCommand>();

    public static async Task<Statements> PrepareAsync(string connectionString, string sql, Func<NpgsqlParameter[]> parameters)
    {
        var statements = new Statements();
        var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString) { MaxPoolSize = Count });
        for (var i = 0; i < Count; i++)
        {
            var command = new NpgsqlCommand(sql, await source.OpenConnectionAsync());
            command.Parameters.AddRange(parameters());
            await command.PrepareAsync();
            statements.Return(command);
        }

        return statements;
    }

    public ValueTask<NpgsqlCommand> RentAsync() => _free.Reader.ReadAsync();

    public void Return(NpgsqlCommand command) => _free.Writer.TryWrite(command);
}
