using System.Collections.Concurrent;
using System.Diagnostics;

namespace IdentityServer.Tests.Hosting;

/// <summary>The SQL statements that requests run.</summary>
internal static class Statements
{
    /// <summary>The statements that were sent within the trace of these calls, in their order.</summary>
    public static async Task<IReadOnlyCollection<string>> OfAsync(Func<Task> calls)
    {
        var statements = new ConcurrentQueue<string>();
        using var source = new ActivitySource("Statements");
        var trace = default(ActivityTraceId);
        using var listener = new ActivityListener
        {
            ShouldListenTo = heard => heard.Name is "Npgsql" or "Statements" or "Microsoft.AspNetCore" or "System.Net.Http",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                if (activity.Source.Name == "Npgsql" && activity.TraceId == trace && (activity.GetTagItem("db.query.text") ?? activity.GetTagItem("db.statement")) is string statement)
                    statements.Enqueue(statement);
            },
        };
        ActivitySource.AddActivityListener(listener);
        using (var activity = source.StartActivity("calls"))
        {
            trace = activity!.TraceId;
            await calls();
        }
        return statements;
    }
}
