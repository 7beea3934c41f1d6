using System.Globalization;

namespace Faults;

/// <summary>What one fault counts: a row of the table.</summary>
internal sealed class Tally(string fault)
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, int> _wrong = new(StringComparer.Ordinal);
    private readonly List<string> _missed = [];
    private readonly List<string> _notes = [];
    private readonly List<string> _broken = [];
    private int _acknowledged;
    private int _disturbances;
    private int _epoch;
    private int _lost;
    private int _resurrected;

    public string Fault => fault;

    public int Rounds { get; set; }

    public double LongestOutage { get; set; }

    public int Acknowledged => _acknowledged;

    public int LostCount => _lost;

    public int ResurrectedCount => _resurrected;

    public int WrongCount
    {
        get
        {
            lock (_gate)
                return _wrong.Values.Sum();
        }
    }

    public bool IsPassed => _lost == 0 && _resurrected == 0 && WrongCount == 0 && _broken.Count == 0;

    /// <summary>Whether all wrong answers were this one.</summary>
    public bool IsWrongOnlyBy(string answer)
    {
        lock (_gate)
            return _wrong.Keys.All(what => what.EndsWith(answer, StringComparison.Ordinal));
    }

    public IReadOnlyList<string> Notes => _notes;

    public void Acknowledge() => Interlocked.Increment(ref _acknowledged);

    /// <summary>From now on, the fault excuses a refusal or a broken connection.</summary>
    public void Disturb()
    {
        Interlocked.Increment(ref _disturbances);
        Interlocked.Increment(ref _epoch);
    }

    public void Calm()
    {
        Interlocked.Increment(ref _epoch);
        Interlocked.Decrement(ref _disturbances);
    }

    /// <summary>Taken at the start of a request and returned at its end.</summary>
    public int Epoch => Volatile.Read(ref _disturbances) > 0 ? -1 : Volatile.Read(ref _epoch);

    /// <summary>Whether the fault was present at any time during a request.</summary>
    public bool IsExcused(int epoch) => epoch < 0 || epoch != Epoch;

    public void Wrong(string what)
    {
        lock (_gate)
            _wrong[what] = _wrong.GetValueOrDefault(what) + 1;
    }

    public void Lost(string what) => Miss(ref _lost, "lost: " + what);

    public void Resurrected(string what) => Miss(ref _resurrected, "resurrected: " + what);

    /// <summary>Adds the counts of a part of the fault; the caller decides whether it passed.</summary>
    public void Add(Tally part)
    {
        _acknowledged += part._acknowledged;
        _lost += part._lost;
        _resurrected += part._resurrected;
        LongestOutage = Math.Max(LongestOutage, part.LongestOutage);
    }

    public void Note(string text) => _notes.Add(text);

    /// <summary>If the limit does not hold, the row fails.</summary>
    public void Require(bool isMet, string limit)
    {
        if (!isMet)
            _broken.Add(limit);
    }

    /// <summary>What explains the numbers, line by line.</summary>
    public IEnumerable<string> Explain()
    {
        foreach (var limit in _broken)
            yield return "not met: " + limit;
        foreach (var (what, count) in _wrong)
            yield return string.Create(CultureInfo.InvariantCulture, $"wrong {count}×: {what}");
        foreach (var missed in _missed.Take(8))
            yield return missed;
        foreach (var note in _notes)
            yield return note;
    }

    public const string Head = "| fault | rounds | acknowledged | lost | resurrected | wrong answers | longest outage | |\n|---|--:|--:|--:|--:|--:|--:|---|";

    public string Line => string.Create(CultureInfo.InvariantCulture,
        $"| {fault} | {Rounds} | {_acknowledged} | {_lost} | {_resurrected} | {WrongCount} | {LongestOutage:0.00} s | {(IsPassed ? "passed" : "failed")} |");

    private void Miss(ref int count, string what)
    {
        lock (_gate)
        {
            count++;
            _missed.Add(what);
        }
    }
}
