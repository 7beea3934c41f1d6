using System.Runtime.InteropServices;
using LocalPostgres;
using LocalPostgres.Tests;
using Microsoft.Extensions.Logging;
using Xunit.MicrosoftTestingPlatform;
using Xunit.Runner.InProc.SystemConsole;

// xunit's own entry point, and "hold DIRECTORY": a program that holds a share until SIGTERM.
if (args is ["hold", var directory, ..])
{
    using var ending = new CancellationTokenSource();
    using var signal = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
    {
        context.Cancel = true;
        ending.Cancel();
    });
    using var logging = LoggerFactory.Create(static builder => builder.AddSimpleConsole(static console => console.SingleLine = true));
    try
    {
        var options = new LocalPostgresOptions { Directory = directory, Durable = false, Binaries = args.ElementAtOrDefault(2) };
        await using var server = await LocalPostgresServer.StartAsync(options, logging.CreateLogger("holder"), ending.Token);
        Console.WriteLine(Holder.Holding + server.ConnectionString("postgres"));
        await Task.Delay(Timeout.Infinite, ending.Token).ContinueWith(static _ => { }, TaskScheduler.Default);
        return 0;
    }
    catch (OperationCanceledException)
    {
        return 0;
    }
    catch (StartupException e)
    {
        await Console.Error.WriteLineAsync(e.Message);
        return 1;
    }
}

return args.Any(static argument => argument is "--server" or "--internal-msbuild-node")
    ? await TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions)
    : await ConsoleRunner.Run(args);
