using System.Net;
using System.Text;
using Fuzz.Inputs;
using Fuzz.Oracles;
using IdentityServer.Protocol;

namespace Fuzz.Parsers;

/// <summary>Bodies of the OAuth endpoints: read as the oracle reads them, and back from what a client would write.</summary>
internal sealed class Forms : Target
{
    private static readonly byte[][] Sound =
    [
        "grant_type=password&username=alice&password=correct+horse+battery+staple&scope=data%3Aread+offline_access"u8.ToArray(),
        "grant_type=refresh_token&refresh_token=AQAAAAABBBBB&client_id=spa"u8.ToArray(),
        "grant_type=client_credentials&client_id=shop&client_secret=rival+secret%3A+%25%2B%26%3D%C3%A9&scope="u8.ToArray(),
        "token=eyJhbGciOiJFUzI1NiJ9.e30.AA&token_type_hint=access_token&%F0%9F%98%80=%e2%82%ac"u8.ToArray(),
        Encoding.ASCII.GetBytes(string.Join('&', Enumerable.Range(0, 98).Select(n => $"p{n}={n}"))),
        "a&b=&=c&d==e"u8.ToArray(),
    ];

    public override string Name => "forms";
    public override int Share => 14;

    public override byte[] Next(Mutator mutator) => mutator.Damage(Sound);

    public override Func<string?> Read(byte[] input)
    {
        var read = OAuthParameters.Parse(input);
        return () =>
        {
            var expected = FormOracle.Read(input);
            if (expected is null == read.Value is not null)
                return read.Error is null ? "was accepted; the oracle disagrees" : $"was refused ({read.Error.Description}); the oracle disagrees";
            if (read.Value is null || expected is null)
                return null;
            if (!Holds(read.Value, expected))
                return "was read as other values";
            var written = string.Join('&', expected.Select(pair => WebUtility.UrlEncode(pair.Key) + "=" + WebUtility.UrlEncode(pair.Value)));
            return OAuthParameters.Parse(Encoding.ASCII.GetBytes(written)).Value is { } again && Holds(again, expected) ? "" : "does not come back from what a client would write";
        };
    }

    // RFC 6749 §3.1: an empty value is as if it had been left out.
    private static bool Holds(OAuthParameters read, Dictionary<string, string> expected) =>
        expected.All(pair => read[pair.Key] == (pair.Value.Length == 0 ? null : pair.Value));
}
