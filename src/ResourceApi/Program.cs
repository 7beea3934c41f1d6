using LocalPostgres;
using ResourceApi;
using ResourceApi.Health;

try
{
    if (args is [HealthCheck.Command, .. var settings])
        return await HealthCheck.RunAsync(settings);

    await using var host = await ResourceApiHost.StartAsync(args);
    await host.WaitForShutdownAsync();
    return 0;
}
catch (StartupException e)
{
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}
