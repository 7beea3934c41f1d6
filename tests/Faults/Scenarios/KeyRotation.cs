namespace Faults.Scenarios;

/// <summary>All keys change every ten seconds under load; no valid token is refused.</summary>
internal static class KeyRotation
{
    public static async Task RunAsync(Lab lab, Tally tally, Options options)
    {
        await using var world = await World.OpenAsync(lab, tally, new WorldSettings
        {
            Server = { ["SigningKeys__Lifetime"] = "10", ["SigningKeys__PublishAhead"] = "5" },
        });
        var load = await Load.StartAsync(world, tally, options.Workers);
        await Task.Delay(TimeSpan.FromSeconds(options.Pick(22, 90)));
        await load.StopAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/.well-known/jwks");
        var keys = (await world.Servers[0].AskAsync(request)).Json.GetProperty("keys").EnumerateArray().Count(key => key.GetProperty("alg").ValueEquals("ES256"));
        await new Checks(world, tally).RunAsync();
        tally.Rounds = keys - 1;
        tally.Require(tally.Rounds > 0, "the keys were rotated");
    }
}
