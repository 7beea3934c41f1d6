namespace IdentityServer.Manifest;

/// <summary>What of a row differs from the manifest: the names, and how it is written.</summary>
internal sealed class Differences
{
    private readonly List<Action> _writes = [];

    public List<string> Members { get; } = [];

    public void Compare<T>(string member, T has, T shall, Action<T> write)
    {
        if (!EqualityComparer<T>.Default.Equals(has, shall))
            Add(member, () => write(shall));
    }

    /// <summary>Of sets: the order is no difference.</summary>
    public void CompareMembers(string member, string[] has, string[] shall, Action<string[]> write)
    {
        if (has.Length != shall.Length || !has.ToHashSet(StringComparer.Ordinal).SetEquals(shall))
            Add(member, () => write(shall));
    }

    public void Add(string member, Action write)
    {
        Members.Add(member);
        _writes.Add(write);
    }

    /// <summary>What goes along with a difference and is none itself.</summary>
    public void Also(Action write) => _writes.Add(write);

    public void Write() => _writes.ForEach(write => write());
}
