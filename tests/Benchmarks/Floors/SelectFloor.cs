using System.Text;
using Npgsql;

namespace Benchmarks.Floors;

/// <summary>Bare Kestrel and one prepared select of one row of the ResourceApi's table: <c>GET /api/data/{key}</c>.</summary>
internal sealed class SelectFloor
{
    private const string Sql = "SELECT value, version FROM items WHERE owner = $1 AND key = $2";

    private readonly byte[] _before;
    private readonly byte[] _after;
    private readonly Statements _statements;

    private SelectFloor(byte[] sample, Statements statements)
    {
        // The answer is the sample with the row's value in place of the sample's.
        var text = Encoding.ASCII.GetString(sample);
        var start = text.IndexOf("\"value\":\"", StringComparison.Ordinal) + "\"value\":\"".Length;
        (_before, _after) = (sample[..start], sample[text.IndexOf('"', start)..]);
        _statements = statements;
    }

    public static async Task<SelectFloor> OpenAsync(byte[] sample, string connectionString, string owner) =>
        new(sample, await Statements.PrepareAsync(connectionString, Sql, () =>
            [new NpgsqlParameter<string> { TypedValue = owner }, new NpgsqlParameter<string> { TypedValue = "" }]));

    public async Task AnswerAsync(HttpContext httpContext)
    {
        var path = httpContext.Request.Path.Value!;
        var command = await _statements.RentAsync();
        byte[] value;
        try
        {
            ((NpgsqlParameter<string>)command.Parameters[1]).TypedValue = path[(path.LastIndexOf('/') + 1)..];
            await using var row = await command.ExecuteReaderAsync();
            await row.ReadAsync();
            value = row.GetFieldValue<byte[]>(0);
            row.GetInt64(1);
        }
        finally
        {
            _statements.Return(command);
        }

        httpContext.Response.ContentType = "application/json";
        httpContext.Response.ContentLength = _before.Length + value.Length + _after.Length;
        var body = httpContext.Response.BodyWriter;
        var answer = body.GetSpan(_before.Length + value.Length + _after.Length);
        _before.CopyTo(answer);
        value.CopyTo(answer[_before.Length..]);
        _after.CopyTo(answer[(_before.Length + value.Length)..]);
        body.Advance(_before.Length + value.Length + _after.Length);
        await body.FlushAsync();
    }
}
