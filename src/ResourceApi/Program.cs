using Hosting;
using ResourceApi;

ResourceApiHost? started = null;
try
{
    if (args is ["healthcheck", .. var settings])
        return await HealthCheck.RunAsync(settings, ResourceApiHost.DefaultAddress);

    started = await ResourceApiHost.StartAsync(args);
    await using var host = started;
    await host.WaitForShutdownAsync();
    return 0;
}
catch (StartupException e)
{
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}
// Whatever nobody foresaw is one line too; past the start a fault ends the program with its trace.
catch (Exception e) when (started is null)
{
    await Console.Error.WriteLineAsync($"The program can't start: {e.Message.ReplaceLineEndings(" ")}");
    return 1;
}
