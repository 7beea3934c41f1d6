namespace ServiceDefaults.Settings;

/// <summary>Settings of which an annotation of one property can't say everything.</summary>
public interface ICheckedSettings
{
    /// <summary>Called once, after all properties are set. Fills in what depends on the environment or on other settings, too.</summary>
    /// <exception cref="StartupException">They contradict each other.</exception>
    void Check(SettingsReader settings);
}
