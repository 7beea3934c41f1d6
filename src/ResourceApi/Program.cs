using ResourceApi;
using ServiceDefaults;

ResourceApiHost? started = null;
try
{
    if (args.Any(arg => arg is "--help" or "-h"))
    {
        Console.WriteLine(
            """
            Usage: ResourceApi [healthcheck] [--Setting=value …]

            Without a command it serves. healthcheck asks the program at ASPNETCORE_URLS whether it is live; exit code 0 when it is.

            Settings come from appsettings.json, environment variables (ResourceApi__Authority=…) and the command line
            (--ResourceApi:Authority=…). Those used most:
              ConnectionStrings:ResourceApi         the PostgreSQL database; without it a private one, not in Production
              ResourceApi:Authority                 the issuer of the tokens, an IdentityServer
              ResourceApi:Resource                  its own identifier, the audience that tokens must have
              ResourceApi:ClientId, ClientSecret    its own client, for the revocation feed
              ASPNETCORE_URLS                       where it listens, http://localhost:5010 if not set
            README.md, section Settings, lists all of them.

            Exit codes: 0 done, 1 refused (the reason is one line).
            """);
        return 0;
    }
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
// An unforeseen fault at start is one line too; a later one ends the program with a stack trace.
catch (Exception e) when (started is null)
{
    await Console.Error.WriteLineAsync($"The program can't start: {e.Message.ReplaceLineEndings(" ")}");
    return 1;
}
