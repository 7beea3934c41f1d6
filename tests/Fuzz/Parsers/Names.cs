using System.Text;
using Fuzz.Inputs;
using IdentityServer.Accounts.Passwords;

namespace Fuzz.Parsers;

/// <summary>User names and addresses: every Unicode spelling of one is the same account.</summary>
internal sealed class Names : Target
{
    private static readonly string[] Sound = ["alice", "Ａlice", "alice@example.com", "Jörg.Müller@exämple.de", "李小龍", "o'brien", "a.b+c@x-y.example", "ǅenan", "ﬁona", "Straße", "Σίσυφος"];

    public override string Name => "names";
    public override int Share => 8;

    public override byte[] Next(Mutator mutator) => Encoding.Unicode.GetBytes(mutator.DamageText(Sound));

    public override Func<string?> Read(byte[] input)
    {
        var text = Encoding.Unicode.GetString(input);
        var (isName, isEmail, folded) = (NameRules.IsUserName(text), NameRules.IsEmail(text), LoginName.Fold(text));
        return () =>
        {
            if (!isName && !isEmail)
                return null;
            if (isName && (isEmail || text.Contains('@', StringComparison.Ordinal)))
                return "is a user name and an address";
            if (text.EnumerateRunes().Any(rune => Rune.IsControl(rune) || rune.Value is 0x200b or 0x202e or 0xfeff or 0xad))
                return "holds what can't be seen";
            if (folded.Length > 512)
                return "folds to more than an index takes";
            return ((string[])[folded, text.Normalize(NormalizationForm.FormKC), text.Normalize(NormalizationForm.FormD), text.ToUpperInvariant(), text.ToLowerInvariant()])
                .Where(spelling => LoginName.Fold(spelling) != folded).Select(spelling => $"is another account if spelt {spelling}").FirstOrDefault("");
        };
    }
}
