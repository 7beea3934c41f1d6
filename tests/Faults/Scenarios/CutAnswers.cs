using Testing;

namespace Faults.Scenarios;

/// <summary>
/// Connections that break in the middle of an answer, after the work was done: the retry of a rotation gets the same
/// successor at every node, and nothing else is done twice or forgotten.
/// </summary>
internal static class CutAnswers
{
    public static async Task RunAsync(Lab lab, Tally tally, Options options)
    {
        await using var world = await World.OpenAsync(lab, tally);
        List<TcpProxy> proxies = [];
        try
        {
            IReadOnlyList<Target> Behind(IReadOnlyList<Target> targets)
            {
                return [.. targets.Select(target =>
                {
                    var proxy = TcpProxy.Start(target.Address.Port);
                    proxies.Add(proxy);
                    return new Target(target.Name, new UriBuilder(target.Address) { Port = proxy.Port }.Uri);
                })];
            }

            var (servers, apis) = (world.Servers, world.Apis);
            tally.Disturb();
            (world.Servers, world.Apis) = (Behind(servers), Behind(apis));
            await RotateAsync(world, servers, proxies, tally, options.Pick(30, 300));

            // Then all operations at once, with every tenth answer cut: before it, in its head or in its body.
            foreach (var proxy in proxies)
                proxy.Cut = static () => Random.Shared.Next(10) == 0 ? Random.Shared.Next(3) switch { 0 => 0, 1 => 30, _ => 250 } : null;
            var load = await Load.StartAsync(world, tally, options.Workers);
            await Task.Delay(TimeSpan.FromSeconds(options.Pick(5, 30)));
            await load.StopAsync();
            foreach (var target in world.Targets)
                target.Dispose();
            (world.Servers, world.Apis) = (servers, apis);
            tally.Calm();
            await new Checks(world, tally).RunAsync();
        }
        finally
        {
            foreach (var proxy in proxies)
                await proxy.DisposeAsync();
        }
    }

    private static async Task RotateAsync(World world, IReadOnlyList<Target> direct, List<TcpProxy> proxies, Tally tally, int rounds)
    {
        var client = new Client(tally);
        if (await client.SendAsync("register", direct, 0, () => Requests.Register("cut", "a long enough password"), 201) is null
            || await client.SendAsync("password", direct, 0, () => Requests.Password("cut", "a long enough password"), 200) is not { } signedIn)
            return;
        var token = signedIn.Text("refresh_token");
        int[] places = [0, 30, 250];
        for (; tally.Rounds < rounds; tally.Rounds++)
        {
            var place = places[tally.Rounds % places.Length];
            var (old, node) = (token, tally.Rounds % direct.Count);
            proxies[node].Cut = () => place;
            var cut = await world.Servers[node].AskAsync(Requests.Refresh(Requests.ClientId, old));
            proxies[node].Cut = static () => null;
            if (!cut.IsBroken)
                tally.Wrong($"a cut answer arrived: {cut.Status}");

            // Both nodes, one after the other.
            var again = await client.SendAsync("refresh after a cut", direct, node, () => Requests.Refresh(Requests.ClientId, old), 200);
            var elsewhere = await client.SendAsync("refresh after a cut", direct, node + 1, () => Requests.Refresh(Requests.ClientId, old), 200);
            if (again is null || elsewhere is null)
                return;
            token = again.Text("refresh_token");
            tally.Acknowledge();
            if (elsewhere.Text("refresh_token") != token)
                tally.Lost("the successor: a retry got another");
        }
    }
}
