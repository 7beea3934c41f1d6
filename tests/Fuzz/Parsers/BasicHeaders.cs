using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Fuzz.Inputs;
using Fuzz.Oracles;
using IdentityServer.Protocol.ClientAuthentication;

namespace Fuzz.Parsers;

/// <summary>The Basic header (RFC 6749 §2.3.1), mutated before and after its base64.</summary>
internal sealed class BasicHeaders : Target
{
    private static readonly Regex Shape = new(@"\A[Bb][Aa][Ss][Ii][Cc] +((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?) *\z", RegexOptions.CultureInvariant);

    private static readonly byte[][] Pairs =
    [
        "shop:shop-secret"u8.ToArray(), "rival:rival+secret%3A+%25%2B%26%3D%C3%A9"u8.ToArray(), "spa:"u8.ToArray(), "a%3Ab:%E2%82%AC"u8.ToArray(), "x:y:z"u8.ToArray(),
    ];

    private static readonly byte[][] Headers = [.. Pairs.Select(pair => Encoding.ASCII.GetBytes("Basic " + Convert.ToBase64String(pair)))];

    public override string Name => "Basic headers";

    public override byte[] Next(Mutator mutator) => mutator.OneIn(2)
        ? mutator.Damage(Headers)
        : Encoding.ASCII.GetBytes(mutator.Pick(["Basic ", "basic ", "BASIC  "]) + Convert.ToBase64String(mutator.Damage(Pairs)));

    public override Func<string?> Read(byte[] input)
    {
        var header = Encoding.Latin1.GetString(input);
        var read = BasicCredentials.Read(header);
        return () =>
        {
            var expected = Expected(header);
            if (expected is null == read.Value is not null)
                return read.Error is null ? "was accepted; the oracle disagrees" : $"was refused ({read.Error.Description}); the oracle disagrees";
            if (read.Value is null || expected is not var (id, secret))
                return null;
            if (read.Value.ClientId != id || (read.Value.Secret ?? "") != secret)
                return "was read as another client or secret";
            var written = "Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes(WebUtility.UrlEncode(id) + ":" + WebUtility.UrlEncode(secret)));
            return written.Length > 8000 || BasicCredentials.Read(written).Value == read.Value ? "" : "does not come back from what a client would write";
        };
    }

    private static (string Id, string Secret)? Expected(string header)
    {
        var match = Shape.Match(header);
        if (!match.Success || match.Groups[1].Length is 0 or > 8192)
            return null;
        var octets = Convert.FromBase64String(match.Groups[1].Value);
        // RFC 4648 §3.5 allows refusing unused bits that are set.
        if (Convert.ToBase64String(octets) != match.Groups[1].Value)
            return null;
        var pair = Encoding.Latin1.GetString(octets).Split(':', 2);
        return pair.Length == 2 && pair[0].Length > 0 && FormOracle.Decode(pair[0]) is { } id && FormOracle.Decode(pair[1]) is { } secret ? (id, secret) : null;
    }
}
