using System.Diagnostics;
using System.Globalization;
using Fuzz.Inputs;

namespace Fuzz.Parsers;

/// <summary>One reader of what strangers send.</summary>
internal abstract class Target
{
    public abstract string Name { get; }

    /// <summary>Its share of the inputs, relative to the others.</summary>
    public virtual int Share => 10;

    public abstract byte[] Next(Mutator mutator);

    /// <summary>Bytes that reading one input may allocate.</summary>
    public virtual long AllocationBound(int length) => (64 * 1024) + (128L * length);

    /// <summary>Reads the input, and nothing else: this is what is timed.</summary>
    /// <returns>Asks the oracle: null if rightly refused, "" if rightly accepted, otherwise what is wrong.</returns>
    public abstract Func<string?> Read(byte[] input);
}

internal sealed record Tally(string Target, int Inputs, int Accepted, TimeSpan Slowest, long MostAllocated)
{
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Target,-22} {Inputs,9} inputs {Accepted,8} accepted {Inputs - Accepted,8} refused   slowest {Slowest.TotalMilliseconds,7:0.0} ms   most allocated {MostAllocated / 1024,6} KiB");
}

internal static class Campaign
{
    /// <summary>A hang. Far more than any of these needs, so that a busy machine does not matter.</summary>
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(1);

    /// <exception cref="FindingException">The first input that breaks a rule.</exception>
    public static Tally Run(Target target, int inputs)
    {
        var (accepted, slowest, most) = (0, TimeSpan.Zero, 0L);
        for (var number = 0; number < inputs; number++)
        {
            var input = target.Next(new Mutator(Budget.ChanceOf(target.Name, number)));
            var (verdict, elapsed, allocated) = Try(target, number, input);
            // The second time, the garbage collector, the compiler or another process is not the cause.
            if (elapsed > Hang || allocated > target.AllocationBound(input.Length))
                (verdict, elapsed, allocated) = Try(target, number, input);
            if (verdict is { Length: > 0 })
                throw new FindingException(target.Name, number, input, verdict);
            if (elapsed > Hang)
                throw new FindingException(target.Name, number, input, string.Create(CultureInfo.InvariantCulture, $"took {elapsed.TotalMilliseconds:0} ms"));
            if (allocated > target.AllocationBound(input.Length))
                throw new FindingException(target.Name, number, input, string.Create(CultureInfo.InvariantCulture, $"allocated {allocated} bytes"));
            accepted += verdict is null ? 0 : 1;
            slowest = elapsed > slowest ? elapsed : slowest;
            most = Math.Max(most, allocated);
        }
        return new Tally(target.Name, inputs, accepted, slowest, most);
    }

    private static (string? Verdict, TimeSpan Elapsed, long Allocated) Try(Target target, int number, byte[] input)
    {
        var (allocated, begun) = (GC.GetAllocatedBytesForCurrentThread(), Stopwatch.GetTimestamp());
        try
        {
            var judge = target.Read(input);
            var (elapsed, used) = (Stopwatch.GetElapsedTime(begun), GC.GetAllocatedBytesForCurrentThread() - allocated);
            return (judge(), elapsed, used);
        }
        catch (Exception undocumented)
        {
            throw new FindingException(target.Name, number, input, $"threw {undocumented}", undocumented);
        }
    }
}

/// <summary>An input that breaks a rule, with all that is needed to try it again.</summary>
internal sealed class FindingException(string target, int number, byte[] input, string what, Exception? inner = null)
    : Exception($"{target}, FUZZ_SEED={Budget.Seed}, input {number} of {input.Length} bytes: {what}\nbase64: {Convert.ToBase64String(input.AsSpan(0, Math.Min(input.Length, 4096)))}\nlatin1: {System.Text.Encoding.Latin1.GetString(input.AsSpan(0, Math.Min(input.Length, 1024)))}", inner);
