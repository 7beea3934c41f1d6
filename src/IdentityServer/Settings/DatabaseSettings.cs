namespace IdentityServer.Settings;

/// <param name="QueueLength">Requests that may use the database or wait for it, the pool's connections included; past them the answer is 503 at once.</param>
internal sealed record DatabaseSettings(int QueueLength)
{
    public static DatabaseSettings Read(SettingsReader settings) => new(
        settings.Number("Database:QueueLength", 1_000, 1, 100_000));
}
