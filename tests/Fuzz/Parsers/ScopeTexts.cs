using System.Text;
using System.Text.RegularExpressions;
using Fuzz.Inputs;
using IdentityServer.Protocol;

namespace Fuzz.Parsers;

/// <summary>Scopes (RFC 6749 §3.3).</summary>
internal sealed class ScopeTexts : Target
{
    private static readonly Regex Token = new(@"\A[\x21\x23-\x5B\x5D-\x7E]{1,200}\z", RegexOptions.CultureInvariant);

    private static readonly string[] Sound =
    [
        "data:read data:write offline_access", "a", "", " a  b ", string.Join(' ', Enumerable.Range(0, 99)), string.Join(' ', Enumerable.Repeat("a", 100)), new string('x', 199), "a a b a",
    ];

    public override string Name => "scopes";
    public override int Share => 6;

    public override byte[] Next(Mutator mutator) => Encoding.UTF8.GetBytes(mutator.DamageText(Sound));

    public override Func<string?> Read(byte[] input)
    {
        var text = Encoding.UTF8.GetString(input);
        var isRead = ScopeSet.TryParse(text, out var scopes);
        return () =>
        {
            var tokens = text.Split(' ').Where(token => token.Length > 0).ToArray();
            var isScope = tokens.Length <= 100 && tokens.All(Token.IsMatch);
            if (isScope != isRead)
                return $"was read: {isRead}; by the oracle: {isScope}";
            if (scopes is null)
                return null;
            return scopes.Tokens.SequenceEqual(tokens.Distinct(StringComparer.Ordinal)) && ScopeSet.TryParse(scopes.ToString(), out var again) && again.Equals(scopes)
                ? "" : "was read as another set";
        };
    }
}
