using System.Globalization;

namespace Fuzz;

/// <summary>How much to try, and from which seed: environment variables, since xunit passes no arguments.</summary>
internal static class Budget
{
    /// <summary>Inputs for all parsers together (<c>FUZZ_INPUTS</c>); by default as many as CI has time for.</summary>
    public static int Inputs { get; } = Number("FUZZ_INPUTS", 1_000);

    /// <summary>Requests to both programs together (<c>FUZZ_HTTP</c>).</summary>
    public static int Requests { get; } = Number("FUZZ_HTTP", 200);

    /// <summary>All randomness comes from it (<c>FUZZ_SEED</c>): the same seed gives the same run.</summary>
    public static int Seed { get; } = Number("FUZZ_SEED", 20261121);

    /// <summary>The randomness of one input depends only on its number, so it can be made again alone.</summary>
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
