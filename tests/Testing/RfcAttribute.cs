using Xunit.v3;

namespace Testing;

/// <summary>Names the clause that a test holds: <c>[Fact, Rfc("6749", "10.4")]</c>. Shows up as trait <c>RFC</c>.</summary>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Class, AllowMultiple = true)]
public sealed class RfcAttribute(string document, string section = "") : Attribute, ITraitAttribute
{
    /// <summary>The document, such as <c>6749</c>.</summary>
    public string Document { get; } = document;

    /// <summary>The section, such as <c>10.4</c>; empty for the whole document.</summary>
    public string Section { get; } = section;

    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() =>
        [new("RFC", Section.Length == 0 ? Document : $"{Document} §{Section}")];
}
