namespace ServiceDefaults.Settings;

/// <summary>Settings with rules that an annotation of one property can't express.</summary>
public interface ICheckedSettings
{
    /// <summary>Called once, after all properties are set. Also fills in what depends on other settings.</summary>
    /// <exception cref="StartupException">They contradict each other.</exception>
    void Check(SettingsReader settings);
}
