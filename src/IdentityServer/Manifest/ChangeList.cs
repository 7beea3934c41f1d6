namespace IdentityServer.Manifest;

/// <summary>What applying a manifest changed, by names: no secret, no value.</summary>
internal sealed class ChangeList
{
    private const int MostInSummary = 20;

    private readonly List<string> _lines = [];

    public int Count => _lines.Count;

    public IReadOnlyList<string> Lines => _lines;

    /// <summary>What a start left as a person had changed it, each a line.</summary>
    public List<string> Left { get; } = [];

    /// <summary>What the operator should know of the manifest; none is a change.</summary>
    public IReadOnlyList<string> Warnings { get; set; } = [];

    public void Created(string kind, string name) => _lines.Add($"created {kind} {name}");

    public void Removed(string kind, string name) => _lines.Add($"removed {kind} {name}");

    /// <param name="members">Those that differed.</param>
    public void Changed(string kind, string name, IEnumerable<string> members) => _lines.Add($"changed {kind} {name} ({string.Join(", ", members)})");

    public static string Counted(int changes) => changes == 1 ? "1 change" : $"{changes} changes";

    /// <summary>One line, for the log.</summary>
    public override string ToString() => _lines.Count switch
    {
        0 => "nothing to change",
        <= MostInSummary => string.Join("; ", _lines),
        _ => $"{string.Join("; ", _lines.Take(MostInSummary))}; and {Counted(_lines.Count - MostInSummary)} more",
    };
}
