using IdentityServer.Protocol.ClientDescriptions;

namespace IdentityServer.Manifest;

/// <summary>What came in from another server (<c>+</c>), what was here already or is not needed (<c>=</c>), and what can't be (<c>!</c>), each a line.</summary>
internal sealed class ImportReport
{
    private readonly List<string> _lines = [];

    public IReadOnlyList<string> Lines => _lines;

    public bool IsComplete { get; private set; } = true;

    public void Added(string what) => _lines.Add($"+ {what}");

    public void Left(string what) => _lines.Add($"= {what}");

    public void Refused(string what)
    {
        IsComplete = false;
        _lines.Add($"! {what}");
    }

    public void Refused(string kind, string name, JsonMistake mistake) =>
        Refused($"{kind} {name}: {(mistake.Message.StartsWith("$.", StringComparison.Ordinal) ? mistake.Message[2..] : mistake.Message)}");

    public static string Counted(int count, string one) => count == 1 ? $"1 {one}" : $"{count} {one}s";

    /// <summary>Of a name that nobody has checked yet: a line of ours stays one.</summary>
    public static string Shown(string? name) => name is null ? "without a name" : new string([.. name.Take(100).Select(c => char.IsControl(c) ? '?' : c)]);
}
