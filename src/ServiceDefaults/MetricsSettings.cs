using ServiceDefaults.Settings;

namespace ServiceDefaults;

[Section("Metrics")]
internal sealed record MetricsSettings : ICheckedSettings
{
    public const string Name = "Metrics:Urls";

    /// <summary>Where <c>/metrics</c> is served; null: nothing listens. Plain http: the scraper is in the operator's own network.</summary>
    public string? Urls { get; init; }

    public string[] Addresses => Urls?.Split([';', ',', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];

    public void Check(SettingsReader settings)
    {
        if (Urls is not null && !(Addresses.Length > 0 && Addresses.All(IsAddress)))
            throw SettingsReader.Impossible(Name, Urls, "one or more addresses such as http://localhost:9464, without a path");
    }

    // A host and a port; + and * stand for every address of the machine.
    private static bool IsAddress(string url) =>
        url.StartsWith("http://", StringComparison.OrdinalIgnoreCase)
        && Uri.TryCreate(url.Replace("://+", "://any", StringComparison.Ordinal).Replace("://*", "://any", StringComparison.Ordinal), UriKind.Absolute, out var uri)
        && uri is { PathAndQuery: "/", UserInfo: "", Fragment: "" } && (!uri.IsDefaultPort || url.TrimEnd('/').EndsWith(":80", StringComparison.Ordinal));
}
