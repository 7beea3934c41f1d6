namespace Faults.Scenarios;

/// <summary>
/// A later version's migration adds columns to tables that are in use while nodes of this version serve; then one of this
/// version is started on the later schema. Nobody notices. As in our migrations, if a table can't be locked at once,
/// all locks are released and it tries again.
/// </summary>
internal static class Schema
{
    private const string Later =
        """
        SET lock_timeout = '300ms';
        ALTER TABLE users ADD COLUMN added_later text;
        ALTER TABLE grants ADD COLUMN added_later integer NOT NULL DEFAULT 0;
        ALTER TABLE applications ADD COLUMN added_later text[];
        ALTER TABLE revocations ADD COLUMN added_later timestamptz;
        ALTER TABLE keys ADD COLUMN added_later boolean NOT NULL DEFAULT false;
        INSERT INTO "__EFMigrationsHistory" ("MigrationId", "ProductVersion") VALUES ('9999_later', '10.0.0');
        UPDATE configuration SET version = version + 1;
        """;

    public static async Task RunAsync(Lab lab, Tally tally, Options options)
    {
        await using var world = await World.OpenAsync(lab, tally);
        var load = await Load.StartAsync(world, tally, options.Workers);
        await Task.Delay(TimeSpan.FromSeconds(1));
        for (tally.Rounds = 1; !await TryAsync(world); tally.Rounds++)
            await Task.Delay(TimeSpan.FromSeconds(0.3));
        await world.Postgres.ExecuteAsync(World.DataDatabase, "ALTER TABLE items ADD COLUMN added_later integer NOT NULL DEFAULT 0");
        await Task.Delay(TimeSpan.FromSeconds(options.Pick(1, 10)));

        var node = world.NewServer();
        world.ServerNodes.Add(node);
        node.Start();
        await node.IsReadyAsync();
        var joined = new Target(node.Name, node.Address);
        joined.Begin();
        world.Servers = [.. world.Servers, joined];
        await Task.Delay(TimeSpan.FromSeconds(options.Pick(2, 10)));
        await load.StopAsync();
        await new Checks(world, tally).RunAsync();
    }

    private static async Task<bool> TryAsync(World world)
    {
        try
        {
            await world.Postgres.ExecuteAsync(World.IdentityDatabase, Later);
            return true;
        }
        catch (Npgsql.PostgresException held) when (held.SqlState is Npgsql.PostgresErrorCodes.LockNotAvailable)
        {
            return false;
        }
    }
}
