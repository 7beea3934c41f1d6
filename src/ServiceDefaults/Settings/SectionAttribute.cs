namespace ServiceDefaults.Settings;

/// <summary>
/// Makes a class the declaration of the settings of a section. Each public property with a public setter is one: its name (or its
/// <c>[ConfigurationKeyName]</c>), its type, its initializer for the default, and its data annotations for what it may hold.
/// </summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class SectionAttribute(string name) : Attribute
{
    public string Name => name;
}
