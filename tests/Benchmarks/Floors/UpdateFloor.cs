using System.Buffers;
using System.Text.Json;
using Npgsql;

namespace Benchmarks.Floors;

/// <summary>Bare Kestrel and one prepared update of one row of the ResourceApi's table: <c>PUT /api/data/{key}</c>.</summary>
internal sealed class UpdateFloor
{
    private const string Sql = "UPDATE items SET value = $3, version = $4, size = $5, updated_at = $6 WHERE owner = $1 AND key = $2";

    private readonly byte[] _answer;
    private readonly Statements _statements;

    private UpdateFloor(byte[] answer, Statements statements) => (_answer, _statements) = (answer, statements);

    public static async Task<UpdateFloor> OpenAsync(byte[] answer, string connectionString, string owner) =>
        new(answer, await Statements.PrepareAsync(connectionString, Sql, () =>
        [
            new NpgsqlParameter<string> { TypedValue = owner },
            new NpgsqlParameter<string> { TypedValue = "" },
            new NpgsqlParameter<string> { TypedValue = "" },
            new NpgsqlParameter<long> { TypedValue = 0 },
            new NpgsqlParameter<int> { TypedValue = 0 },
            new NpgsqlParameter<DateTime> { TypedValue = TimeProvider.System.GetUtcNow().UtcDateTime },
        ]));

    public async Task AnswerAsync(HttpContext httpContext)
    {
        var reader = httpContext.Request.BodyReader;
        var read = await reader.ReadAsync();
        while (!read.IsCompleted)
        {
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            read = await reader.ReadAsync();
        }

        var value = ValueOf(read.Buffer);
        reader.AdvanceTo(read.Buffer.End);
        var path = httpContext.Request.Path.Value!;
        var command = await _statements.RentAsync();
        try
        {
            var parameters = command.Parameters;
            ((NpgsqlParameter<string>)parameters[1]).TypedValue = path[(path.LastIndexOf('/') + 1)..];
            ((NpgsqlParameter<string>)parameters[2]).TypedValue = value;
            ((NpgsqlParameter<long>)parameters[3]).TypedValue = Random.Shared.NextInt64();
            ((NpgsqlParameter<int>)parameters[4]).TypedValue = value.Length;
            ((NpgsqlParameter<DateTime>)parameters[5]).TypedValue = TimeProvider.System.GetUtcNow().UtcDateTime;
            if (await command.ExecuteNonQueryAsync() != 1)
                httpContext.Response.StatusCode = StatusCodes.Status404NotFound;
        }
        finally
        {
            _statements.Return(command);
        }

        httpContext.Response.ContentType = "application/json";
        httpContext.Response.ContentLength = _answer.Length;
        _answer.CopyTo(httpContext.Response.BodyWriter.GetSpan(_answer.Length));
        httpContext.Response.BodyWriter.Advance(_answer.Length);
        await httpContext.Response.BodyWriter.FlushAsync();
    }

    private static string ValueOf(in ReadOnlySequence<byte> body)
    {
        var json = new Utf8JsonReader(body);
        while (json.Read())
        {
            if (json.TokenType == JsonTokenType.PropertyName && json.ValueTextEquals("value"u8))
            {
                json.Read();
                return json.GetString()!;
            }
        }

        return "";
    }
}
