using System.Globalization;

namespace Fuzz;

/// <summary>How much is tried, and from which seed: by environment variables, since xunit's programs take no arguments of a test's.</summary>
internal static class Budget
{
    /// <summary>Inputs for all parsers together (<c>FUZZ_INPUTS</c>); a thousand, which a run in CI has time for.</summary>
    public static int Inputs { get; } = Number("FUZZ_INPUTS", 1_000);

    /// <summary>Requests to both programs together (<c>FUZZ_HTTP</c>).</summary>
    public static int Requests { get; } = Number("FUZZ_HTTP", 200);

    /// <summary>All chance comes from it (<c>FUZZ_SEED</c>): the same seed is the same run.</summary>
    public static int Seed { get; } = Number("FUZZ_SEED", 20261121);

    /// <summary>The chance of one input: by its number alone, so that it can be made again without those before it.</summary>
    public static Random ChanceOf(string target, int number)
    {
        var hash = unchecked((uint)Seed * 2654435761);
        foreach (var c in target)
            hash = unchecked((hash ^ c) * 16777619);
        return new Random(unchecked((int)((hash ^ (uint)number) * 2246822519)));
    }

    private static int Number(string name, int standard)
    {
        var text = Environment.GetEnvironmentVariable(name);
        return string.IsNullOrEmpty(text) ? standard : int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
    }
}
