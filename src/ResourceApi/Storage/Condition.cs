namespace ResourceApi.Storage;

/// <summary>The versions that a precondition names; null for every version.</summary>
internal sealed record Condition(long[]? Versions)
{
    public static readonly Condition Any = new((long[]?)null);

    public bool Covers(long version) => Versions is null || Array.IndexOf(Versions, version) >= 0;
}
