using System.Globalization;
using Fuzz.Inputs;
using Fuzz.Oracles;
using IdentityServer.ResourceServer;

namespace Fuzz.Parsers;

/// <summary>Answers of the revocation feed: an unknown entry refuses the whole, so no token stays alive.</summary>
internal sealed class Feeds : Target
{
    private static readonly byte[][] Sound =
    [
        """{"cursor":"100:200:","revoked":[]}"""u8.ToArray(),
        """{"cursor":"é\ud83d\ude00","revoked":[{"jti":"a1","at":1795262400000,"until":1795266000000},{"grant_id":"0198c0de-0000-7000-8000-000000000002","at":1,"until":2},{"sub":"shop","at":-1,"until":9223372036854775807}],"more":{"a":[1]}}"""u8.ToArray(),
        """{"revoked":[{"sub":"x","jti":"y","until":5,"at":5}],"cursor":17}"""u8.ToArray(),
    ];

    public override string Name => "feed answers";
    public override int Share => 8;

    public override byte[] Next(Mutator mutator) => mutator.OneIn(3) ? mutator.Damage(Sound) : mutator.DamageJson(Sound);

    public override Func<string?> Read(byte[] input)
    {
        RevocationFeedAnswer? answer = null;
        try
        {
            answer = RevocationFeedAnswer.Parse(input);
        }
        catch (IssuerException)
        {
            // The documented one.
        }
        return () =>
        {
            var strict = Expected(Json.Parse(input, JsonRules.Strict));
            if (answer is null)
                return strict is null ? null : "was refused; the oracle disagrees";
            if (strict is null)
                return Expected(Json.Parse(input, JsonRules.Unread)) is null ? "was accepted; the oracle disagrees" : "";
            return answer.Revoked.SequenceEqual(strict) ? "" : "was read as other entries";
        };
    }

    private static List<Revocation>? Expected(Json? root)
    {
        if (root?.Kind != JsonKind.Object || root["cursor"] is null || root["revoked"] is not { Kind: JsonKind.Array } revoked)
            return null;
        var entries = new List<Revocation>();
        foreach (var entry in revoked.Items)
        {
            var (of, name) = entry["jti"] is { } jti ? (RevocationOf.Token, jti) : entry["grant_id"] is { } grant ? (RevocationOf.Grant, grant) : (RevocationOf.Subject, entry["sub"]);
            if (name?.Kind != JsonKind.Text || Number(entry["at"]) is not { } at || Number(entry["until"]) is not { } until)
                return null;
            entries.Add(new Revocation(of, name.Text, at, until));
        }
        return entries;
    }

    private static long? Number(Json? member) =>
        member?.Kind == JsonKind.Number && long.TryParse(member.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;
}
