using System.Text;
using System.Text.RegularExpressions;
using Fuzz.Inputs;
using IdentityServer.ResourceServer;
using Microsoft.AspNetCore.Http;

namespace Fuzz.Parsers;

/// <summary>The Authorization header of an API: Bearer (RFC 6750 §2.1) and DPoP (RFC 9449 §7.1).</summary>
internal sealed class BearerHeaders : Target
{
    private static readonly Regex Shape = new(@"\A(?:[Bb][Ee][Aa][Rr][Ee][Rr]|([Dd][Pp][Oo][Pp])) +([A-Za-z0-9\-._~+/=]{1,16384})\z", RegexOptions.CultureInvariant);

    private static readonly byte[][] Sound = ["Bearer eyJhbGciOiJFUzI1NiJ9.e30.AA"u8.ToArray(), "bearer  abc="u8.ToArray(), "DPoP eyJhbGciOiJFUzI1NiJ9.e30.AA"u8.ToArray(), "Basic c2hvcDpzaG9w"u8.ToArray(), "Bearer"u8.ToArray()];

    public override string Name => "Bearer headers";
    public override int Share => 4;

    public override byte[] Next(Mutator mutator) => mutator.Damage(Sound);

    public override Func<string?> Read(byte[] input)
    {
        var http = new DefaultHttpContext();
        http.Request.Headers.Authorization = Encoding.Latin1.GetString(input);
        var token = AuthorizationHeader.Read(http.Request, out var isDpop, out var refusal);
        return () =>
        {
            var match = Shape.Match(Encoding.Latin1.GetString(input));
            if (token is null == refusal is null)
                return "said one thing and gave another";
            if (match.Success != token is not null)
                return $"was read: {token is not null}; by the oracle: {match.Success}";
            if (match.Success && match.Groups[1].Success != isDpop)
                return "was read as of another scheme";
            return token is null ? null : token == match.Groups[2].Value ? "" : "was read as another token";
        };
    }
}
