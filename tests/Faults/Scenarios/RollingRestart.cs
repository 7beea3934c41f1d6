namespace Faults.Scenarios;

/// <summary>
/// Two nodes of each program behind nginx, stopped by SIGTERM and restarted one after another under load: no request
/// fails or is refused.
/// </summary>
internal static class RollingRestart
{
    public static async Task RunAsync(Lab lab, Tally tally, Options options)
    {
        if (Nginx.Path is null)
        {
            tally.Note("not tried: nginx is missing");
            return;
        }
        await using var world = await World.OpenAsync(lab, tally);
        await using var nginx = await Nginx.StartAsync(
            Path.Combine(world.Folder, "nginx"), world.ServerNodes.Select(node => node.Address), world.ApiNodes.Select(node => node.Address));
        var (servers, apis) = (world.Servers, world.Apis);
        var origin = new Target("nginx", nginx.Address);
        (world.Servers, world.Apis) = ([origin], [origin]);

        var load = await Load.StartAsync(world, tally, options.Workers);
        for (; tally.Rounds < options.Pick(1, 10); tally.Rounds++)
        {
            foreach (var node in (Node[])[.. world.ServerNodes, .. world.ApiNodes])
            {
                var code = await node.TerminateAsync();
                tally.Require(code == 0, $"{node.Name} ends with 0, not {code}");
                node.Start();
                await node.IsReadyAsync();
                // Wait until all of nginx's workers try it again: fail_timeout, counted in whole seconds. Any sooner,
                // nginx has no live upstream while the next node is down.
                await Task.Delay(TimeSpan.FromSeconds(3.5));
            }
        }
        await load.StopAsync();
        origin.Dispose();
        (world.Servers, world.Apis) = (servers, apis);
        await new Checks(world, tally).RunAsync();
        foreach (var failure in nginx.Failures.Take(3))
            tally.Note("nginx: " + failure);
        if (!tally.IsPassed)
        {
            foreach (var error in nginx.Errors.Where(line => line.Contains("[error]", StringComparison.Ordinal) && !line.Contains("Connection refused", StringComparison.Ordinal)).Take(4))
                tally.Note("nginx: " + error);
        }
    }
}
