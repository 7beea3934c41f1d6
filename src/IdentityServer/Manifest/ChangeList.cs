namespace IdentityServer.Manifest;

/// <summary>What applying a manifest changed.</summary>
internal sealed class ChangeList
{
    private const int MostInSummary = 20;

    private readonly List<(string What, string Kind, string Name, IReadOnlyList<Difference> Members)> _changes = [];

    public int Count => _changes.Count;

    /// <summary>By names: no secret, no value.</summary>
    public IReadOnlyList<string> Lines => [.. _changes.Select(change => $"{change.What} {change.Kind} {change.Name}{NamesOf(change.Members)}")];

    /// <summary>What a start left as a person had changed it, each a line.</summary>
    public List<string> Left { get; } = [];

    /// <summary>What the operator should know of the manifest; none is a change.</summary>
    public IReadOnlyList<string> Warnings { get; set; } = [];

    /// <summary>What would change, with the values of each member but secrets. For the operator's eyes, not for a log.</summary>
    public IEnumerable<string> PlanLines => _changes.SelectMany(change => (string[])
        [
            $"{change.What switch { Plan.Created => '+', Plan.Removed => '-', _ => '~' }} {change.Kind} {change.Name}",
            .. change.Members.Select(member => $"    {member.Member}{(member.Values is null ? "" : $": {member.Values}")}"),
        ]);

    /// <param name="members">Those that differed.</param>
    public void Add(string what, string kind, string name, IReadOnlyList<Difference> members) => _changes.Add((what, kind, name, members));

    public static string NamesOf(IReadOnlyList<Difference> members) => members.Count == 0 ? "" : $" ({string.Join(", ", members.Select(member => member.Member))})";

    public static string Counted(int changes) => changes == 1 ? "1 change" : $"{changes} changes";

    /// <summary>One line, for the log.</summary>
    public override string ToString() => Count switch
    {
        0 => "nothing to change",
        <= MostInSummary => string.Join("; ", Lines),
        _ => $"{string.Join("; ", Lines.Take(MostInSummary))}; and {Counted(Count - MostInSummary)} more",
    };
}
