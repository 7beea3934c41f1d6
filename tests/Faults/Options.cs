using System.Globalization;

namespace Faults;

/// <summary>What the command line asks for.</summary>
/// <param name="IsShort">For CI: fewer rounds and shorter outages, two faults at once; all within five minutes on two cores.</param>
/// <param name="Rounds">Of each kill.</param>
/// <param name="Soak">Seconds.</param>
/// <param name="Faults">Empty: all.</param>
internal sealed record Options(bool IsShort, int Rounds, int Soak, IReadOnlyList<string> Faults)
{
    public const string Usage = "Usage: run.sh [--short] [--rounds=20] [--soak=SECONDS] [fault…]";

    /// <summary>Null: wrong usage.</summary>
    public static Options? Parse(string[] args)
    {
        var isShort = args.Contains("--short");
        var options = new Options(isShort, isShort ? 2 : 20, isShort ? 40 : 300, []);
        foreach (var arg in args.Where(arg => arg != "--short"))
        {
            var value = int.TryParse(arg[(arg.IndexOf('=', StringComparison.Ordinal) + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
            if (arg.StartsWith("--rounds=", StringComparison.Ordinal) && value > 0)
                options = options with { Rounds = value };
            else if (arg.StartsWith("--soak=", StringComparison.Ordinal) && value > 0)
                options = options with { Soak = value };
            else if (!arg.StartsWith('-'))
                options = options with { Faults = [.. options.Faults, arg] };
            else
                return null;
        }
        return options;
    }

    /// <summary>Clients at once. Fewer make fewer operations to check, which takes most of a short run.</summary>
    public int Workers => Pick(3, 6);

    /// <summary>Faults at once: they mostly wait. Some always run alone (<c>FaultCatalogue.ComesAlone</c>).</summary>
    public int Lanes => Pick(2, 1);

    public T Pick<T>(T inShort, T inFull) => IsShort ? inShort : inFull;
}
