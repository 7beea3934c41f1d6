using LocalPostgres;
using ResourceApi;

try
{
    await using var host = await ResourceApiHost.StartAsync(args);
    await host.WaitForShutdownAsync();
    return 0;
}
catch (StartupException e)
{
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}
