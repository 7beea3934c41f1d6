using IdentityServer.Pages;

namespace IdentityServer.Accounts.Pages;

/// <summary>Describes a browser in words. A guess, and always a name from the lists below.</summary>
internal static class DeviceWords
{
    // The first match wins, because most browsers claim to be those further down.
    private static readonly (string Mark, string Name)[] Browsers =
    [
        ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Vivaldi", "Vivaldi"), ("Firefox/", "Firefox"), ("FxiOS", "Firefox"),
        ("CriOS", "Chrome"), ("Chrome/", "Chrome"), ("Chromium", "Chromium"), ("Safari/", "Safari"), ("curl/", "curl"),
    ];

    private static readonly (string Mark, string Name)[] Systems =
    [
        ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("CrOS", "ChromeOS"), ("Mac OS X", "Mac"), ("Linux", "Linux"),
    ];

    public static string Describe(string? userAgent, Texts texts) => (Find(Browsers, userAgent), Find(Systems, userAgent)) switch
    {
        ({ } browser, { } system) => texts.Say("sessions.device", browser, system),
        ({ } browser, null) => browser,
        (null, { } system) => system,
        _ => texts["sessions.device_unknown"],
    };

    private static string? Find((string Mark, string Name)[] among, string? userAgent)
    {
        foreach (var (mark, name) in among)
        {
            if (userAgent?.Contains(mark, StringComparison.Ordinal) == true)
                return name;
        }
        return null;
    }
}
