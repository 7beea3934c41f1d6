namespace IdentityServer.Settings;

/// <summary>Pushed authorization requests (RFC 9126).</summary>
/// <param name="Lifetime">From the push to the browser's coming with it (§2.2: <c>expires_in</c>); 60 s when not set.</param>
/// <param name="IsRequired">No client may do without (§5); one alone is held to it by its metadata.</param>
internal sealed record PushedRequestSettings(TimeSpan Lifetime, bool IsRequired)
{
    /// <summary>A request that a browser came with in time waits this long, from its last page on, for the user to sign in and decide.</summary>
    public static readonly TimeSpan OpenedLifetime = TimeSpan.FromMinutes(15);

    /// <summary>No request is older than this, however often the browser comes with it (RFC 9126 §2.2).</summary>
    public static readonly TimeSpan LongestLifetime = TimeSpan.FromMinutes(60);

    public static PushedRequestSettings Read(SettingsReader settings) => new(
        settings.Seconds("PushedRequests:Lifetime", 60, 5, 600),
        settings.Flag("PushedRequests:Required", false));
}
