using System.Diagnostics;
using OpenTelemetry;

namespace Observability;

/// <summary>
/// Lets only tags go out that can't hold what a caller sent: a path, a query or a header may hold a token, or the key of
/// somebody's data. A list of what may, not of what may not: what a later version adds stays here. And statements only
/// of requests: the looks at the database four times a second would bury them.
/// </summary>
internal sealed class ExportedSpans : BaseProcessor<Activity>
{
    private static readonly HashSet<string> Allowed = new(StringComparer.Ordinal)
    {
        "http.request.method", "http.response.status_code", "http.route", "network.protocol.version", "url.scheme", "error.type",
        "db.system.name", "db.namespace", "db.operation.name", "db.query.text", "db.response.status_code",
    };

    public override void OnEnd(Activity data)
    {
        if (data.ParentSpanId == default && data.Source.Name == OtlpExport.Statements)
            data.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;

        List<string>? others = null;
        foreach (ref readonly var tag in data.EnumerateTagObjects())
        {
            if (!Allowed.Contains(tag.Key))
                (others ??= []).Add(tag.Key);
        }
        foreach (var name in others ?? [])
            data.SetTag(name, null);
    }
}
