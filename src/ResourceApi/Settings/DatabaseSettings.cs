using Hosting;

namespace ResourceApi.Settings;

/// <param name="QueueLength">Requests that may use the database or wait for it, the pool's connections included; past them the answer is 503 at once.</param>
internal sealed record DatabaseSettings(int QueueLength)
{
    public static DatabaseSettings Read(IConfiguration configuration) => new(
        SettingNumber.Read(configuration, "Database:QueueLength", 1_000, 1, 100_000));
}
