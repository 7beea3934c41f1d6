using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace IdentityServer.Storage;

/// <summary>
/// PostgreSQL's <c>pg_snapshot</c>: the transactions that had committed at one moment. As the cursor of the revocation feed
/// it never skips an entry: an entry is new if and only if its transaction was not visible in the cursor. The order in
/// which transactions got their numbers and committed does not matter.
/// </summary>
internal sealed record PgSnapshot(ulong Xmin, ulong Xmax, IReadOnlyList<ulong> InProgress)
{
    /// <summary>More than any server runs at once.</summary>
    private const int MaximumInProgress = 10_000;

    public string Text => $"{Xmin}:{Xmax}:{string.Join(',', InProgress)}";

    public bool Sees(ulong transaction) =>
        transaction < Xmin || (transaction < Xmax && !InProgress.Contains(transaction));

    /// <summary>Reads <c>xmin:xmax:xip,xip,…</c>.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out PgSnapshot? snapshot)
    {
        snapshot = null;
        var parts = text.Split(':');
        if (parts.Length != 3 || !TryNumber(parts[0], out var xmin) || !TryNumber(parts[1], out var xmax) || xmin > xmax)
            return false;
        var listed = parts[2].Length == 0 ? [] : parts[2].Split(',', MaximumInProgress + 1);
        if (listed.Length > MaximumInProgress)
            return false;
        var inProgress = new ulong[listed.Length];
        for (var i = 0; i < listed.Length; i++)
        {
            if (!TryNumber(listed[i], out inProgress[i]))
                return false;
        }
        snapshot = new PgSnapshot(xmin, xmax, inProgress);
        return true;
    }

    private static bool TryNumber(string text, out ulong number) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
