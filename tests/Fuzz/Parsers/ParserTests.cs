using Xunit;

namespace Fuzz.Parsers;

/// <summary>
/// Hostile input for everything that reads what strangers send: only documented exceptions are thrown, nothing is
/// accepted that the oracle refuses, no input takes a second or more memory than its length allows.
/// </summary>
public sealed class ParserTests
{
    private static readonly Target[] Targets =
    [
        new Tokens(), new SignedTokens(), new KeySets(), new Encoded(), new Forms(), new BasicHeaders(), new BearerHeaders(), new Handles(),
        new ScopeTexts(), new Names(), new Feeds(), new IssuerDocuments(), new Manifests(),
    ];

    public static TheoryData<string> Names => [.. Targets.Select(target => target.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Hostile_input_is_refused_or_means_what_the_oracle_reads(string name)
    {
        var target = Targets.Single(target => target.Name == name);
        try
        {
            var inputs = (int)Math.Ceiling((double)Budget.Inputs * target.Share / Targets.Sum(each => each.Share));
            var tally = Campaign.Run(target, inputs);
            Console.WriteLine($"seed {Budget.Seed}  {tally}");
            // A generator that makes only rubbish, or only valid input, tests nothing.
            Assert.InRange(tally.Accepted, 1, inputs - 1);
        }
        finally
        {
            (target as IDisposable)?.Dispose();
        }
    }
}
