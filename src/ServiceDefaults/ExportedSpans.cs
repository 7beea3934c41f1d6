using System.Diagnostics;
using OpenTelemetry;

namespace ServiceDefaults;

/// <summary>
/// Removes the tags that are not in <see cref="AllowedTags"/>, and drops statements that belong to no request: the polls of
/// the database four times a second would bury the others.
/// </summary>
internal sealed class ExportedSpans : BaseProcessor<Activity>
{
    public override void OnEnd(Activity data)
    {
        if (data.ParentSpanId == default && data.Source.Name == "Npgsql")
            data.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;

        List<string>? others = null;
        foreach (ref readonly var tag in data.EnumerateTagObjects())
        {
            if (!AllowedTags.OfSpans.Contains(tag.Key))
                (others ??= []).Add(tag.Key);
        }
        foreach (var name in others ?? [])
            data.SetTag(name, null);
    }
}
