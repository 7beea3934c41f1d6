namespace IdentityServer.Manifest;

/// <summary>Writes to a row what differs from the manifest, and remembers the names of what did.</summary>
internal sealed class Differences
{
    public List<string> Members { get; } = [];

    public void Set<T>(string member, T has, T shall, Action<T> write)
    {
        if (EqualityComparer<T>.Default.Equals(has, shall))
            return;
        write(shall);
        Members.Add(member);
    }

    /// <summary>Of sets: the order is no difference.</summary>
    public void SetMembers(string member, string[] has, string[] shall, Action<string[]> write)
    {
        if (has.Length == shall.Length && has.ToHashSet(StringComparer.Ordinal).SetEquals(shall))
            return;
        write(shall);
        Members.Add(member);
    }
}
