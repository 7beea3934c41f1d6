using System.Text;
using Fuzz.Inputs;
using IdentityServer.Protocol.Jwt;
using IdentityServer.ResourceServer;

namespace Fuzz.Parsers;

/// <summary>The verifier with mutated tokens: it accepts nothing that the oracle does not verify.</summary>
internal class Tokens : Target
{
    protected static readonly TokenWorld World = new();

    public override string Name => "tokens";
    public override int Share => 25;

    public override byte[] Next(Mutator mutator) => mutator.Damage(World.Tokens);

    public override Func<string?> Read(byte[] input)
    {
        var error = World.Verifier.Verify(Encoding.Latin1.GetString(input), TokenWorld.Expectations, TokenWorld.Now, out var claims);
        // Making an access token of it is part of reading.
        var token = claims is null ? null : AccessToken.Find(claims.Root);
        return () =>
        {
            if ((error == JwtError.None) != (claims is not null))
                return "said one thing and gave another";
            if (World.Oracle.Accepts(input, TokenWorld.Now) != (claims is not null))
                return $"said {error}; the oracle disagrees";
            if (token is not null && (token.Subject.Contains('\0', StringComparison.Ordinal) || token.Subject != claims!.Subject))
                return "made another subject of it";
            return claims is null ? null : "";
        };
    }
}

/// <summary>Headers and claims that are mutated first and then signed, as a broken issuer would.</summary>
internal sealed class SignedTokens : Tokens
{
    public override string Name => "signed tokens";

    public override byte[] Next(Mutator mutator) => mutator.OneIn(3)
        ? World.Sign(mutator.DamageJson(World.Headers), mutator.Pick(TokenWorld.Claims))
        : World.Sign(mutator.Pick(World.Headers), mutator.DamageJson(TokenWorld.Claims));
}
