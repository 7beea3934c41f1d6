using System.Globalization;
using System.Text;

namespace Benchmarks.Driver;

/// <summary>The request that wrk sends, and the expected answer; the Lua script of its <see cref="Shape"/> reads it.</summary>
internal sealed record Load(string Shape, string Method, string Path)
{
    public Dictionary<string, string> Headers { get; init; } = [];

    /// <summary>The body, for the shapes <c>same</c> and <c>items</c>.</summary>
    public string? Body { get; init; }

    /// <summary>For <c>code</c>: where browsers ask for a code; each token is the cookie of one.</summary>
    public string? AuthorizePath { get; init; }

    /// <summary>The text around the token or the code, for <c>each</c>, <c>chain</c> and <c>code</c>.</summary>
    public (string Before, string After) Around { get; init; }

    /// <summary>Makes the tokens of one run, given how many it can use at most. One token per line.</summary>
    public Func<int, CancellationToken, Task<IEnumerable<string>>>? Tokens { get; init; }

    /// <summary>More than any program answers a second.</summary>
    public int RateAtMost { get; init; } = 30_000;

    /// <summary>Whether <c>each</c> sends its tokens as bearers, instead of in a form.</summary>
    public bool IsBearer { get; init; }

    /// <summary>Whether tokens may be used again and again.</summary>
    public bool Cycle { get; init; }

    /// <summary>How many keys there are, for <c>items</c>.</summary>
    public int Count { get; init; }

    public int Status { get; init; } = 200;

    /// <summary>Texts that each body must contain; if there are none, the body must be empty.</summary>
    public string[] Parts { get; init; } = [];

    /// <summary>The job as the Lua table that <c>answers.lua</c> reads.</summary>
    public string ToLua(Uri address, string? tokensFile, int threads)
    {
        var lua = new StringBuilder("return {\n");
        Add("method", Method);
        Add("path", Path);
        Add("headers", string.Concat(Headers.Prepend(new("Host", address.Authority)).Select(header => $"{header.Key}: {header.Value}\r\n")));
        Add("body", Body);
        Add("before", Around.Before);
        Add("after", Around.After);
        Add("authorize", AuthorizePath);
        Add("tokens", tokensFile);
        lua.Append(CultureInfo.InvariantCulture, $"cycle = {(Cycle ? "true" : "false")}, bearer = {(IsBearer ? "true" : "false")}, count = {Count}, status = {Status}, threads = {threads},\n");
        lua.Append("parts = {").AppendJoin(", ", Parts.Select(Quote)).Append("} }\n");
        return lua.ToString();

        void Add(string name, string? value)
        {
            if (value is not null)
                lua.Append(CultureInfo.InvariantCulture, $"{name} = {Quote(value)},\n");
        }
    }

    private static string Quote(string text) =>
        "\"" + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)
            .Replace("\r", "\\r", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal) + "\"";
}
