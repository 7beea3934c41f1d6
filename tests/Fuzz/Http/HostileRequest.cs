using System.Globalization;
using System.Text;

namespace Fuzz.Http;

/// <summary>A request in parts that can each be mutated.</summary>
internal sealed class HostileRequest
{
    public required bool IsForApi { get; init; }
    public required string Method { get; set; }
    public required string Path { get; set; }
    public string Query { get; set; } = "";
    public List<(string Name, string Value)> Headers { get; } = [];
    public byte[]? Body { get; set; }

    /// <summary>False once a change to the head may have moved the request's end.</summary>
    public bool IsWellFramed { get; set; } = true;

    /// <summary>Sent in chunks instead of with a length.</summary>
    public bool IsChunked { get; set; }

    public bool HasOwnLength { get; set; }

    public byte[] Write()
    {
        var head = new StringBuilder();
        head.Append(Method).Append(' ').Append(Path).Append(Query.Length > 0 ? "?" : "").Append(Query).Append(" HTTP/1.1\r\n");
        foreach (var (name, value) in Headers)
            head.Append(name).Append(": ").Append(value).Append("\r\n");
        if (IsChunked)
            head.Append("Transfer-Encoding: chunked\r\n");
        else if (!HasOwnLength && (Body is not null || Method is "POST" or "PUT"))
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {Body?.Length ?? 0}\r\n");
        head.Append("\r\n");
        // Text beyond Latin-1 goes out as UTF-8, as a sloppy client would send it.
        var written = new List<byte>(Encoding.UTF8.GetBytes(head.ToString()));
        if (!IsChunked)
        {
            written.AddRange(Body ?? []);
            return [.. written];
        }
        foreach (var chunk in (Body ?? []).Chunk(100))
        {
            written.AddRange(Encoding.ASCII.GetBytes(chunk.Length.ToString("x", CultureInfo.InvariantCulture) + "\r\n"));
            written.AddRange(chunk);
            written.AddRange("\r\n"u8);
        }
        written.AddRange("0\r\n\r\n"u8);
        return [.. written];
    }
}
