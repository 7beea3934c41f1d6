using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Dpop;
using IdentityServer.Clients;
using IdentityServer.Http;
using IdentityServer.Limits;
using IdentityServer.Protocol.ClientAuthentication;
using IdentityServer.Storage;
using ServiceDefaults;

namespace IdentityServer.Protocol.Revocation;

/// <summary>
/// <c>GET /connect/revocations?after=&amp;wait=</c>: what was revoked, for resource servers. Answered from
/// memory; a long poll ends as soon as there is something new.
/// </summary>
internal sealed class RevocationFeedEndpoint(
    ClientAuthenticator clients, CurrentConfiguration configuration, RevocationFeed feed, Pulse pulse, Drain drain, RequestLimits limits, TimeProvider timeProvider)
{
    private const int MaximumWait = 30;
    private const int MaximumCursorLength = 64 * 1024;

    private static readonly OAuthParameters NoParameters = OAuthParameters.Parse([]).Value!;

    public async Task HandleAsync(HttpContext httpContext)
    {
        if (limits.Refuse(Limit.Feed, httpContext) is { } tooMany)
        {
            await OAuthAnswer.WriteAsync(httpContext, tooMany);
            return;
        }
        var client = await clients.AuthenticateConfidentialAsync(httpContext, NoParameters);
        if (client.IsRefused)
        {
            await OAuthAnswer.WriteAsync(httpContext, client.Error);
            return;
        }
        if (!configuration.Value.IsResourceServer(client.Value.ClientId))
        {
            await OAuthAnswer.WriteAsync(httpContext, Errors.NotAResourceServer);
            return;
        }
        if (!TryReadWait(httpContext.Request.Query["wait"], out var wait))
        {
            await OAuthAnswer.WriteAsync(httpContext, Errors.MalformedWait);
            return;
        }
        if (!TryReadCursor(httpContext.Request.Query["after"], out var after))
        {
            await OAuthAnswer.WriteAsync(httpContext, Errors.MalformedCursor);
            return;
        }
        await AnswerAsync(httpContext, after, wait);
    }

    private async Task AnswerAsync(HttpContext httpContext, Cursor? after, TimeSpan wait)
    {
        httpContext.Features.Get<RequestDeadline>()?.Lift();
        // A caller that does not wait gets the current state, not that of the last beat.
        if (after is null || wait == TimeSpan.Zero)
            await pulse.NextBeatAsync().WaitAsync(httpContext.RequestAborted);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(httpContext.RequestAborted, drain.Over);
        var deadline = timeProvider.GetTimestamp() + (long)(wait.TotalSeconds * timeProvider.TimestampFrequency);
        while (true)
        {
            var news = feed.News;
            var state = feed.Current;
            // "Nothing new" would be false from a node that has lost touch with the database.
            if (!pulse.IsFresh || state.Snapshot is null)
            {
                await OAuthAnswer.WriteAsync(httpContext, Errors.Unavailable);
                return;
            }
            var entries = NewSince(after, state);
            var left = timeProvider.GetElapsedTime(timeProvider.GetTimestamp(), deadline);
            if (entries.Count > 0 || after is null || left <= TimeSpan.Zero || ends.IsCancellationRequested)
            {
                await WriteAsync(httpContext, state, entries);
                return;
            }
            // Wakes once a second, so that losing touch with the database ends the poll.
            var nap = left < TimeSpan.FromSeconds(1) ? left : TimeSpan.FromSeconds(1);
            await Task.WhenAny(news, Task.Delay(nap, timeProvider, ends.Token));
        }
    }

    private List<RevocationEntry> NewSince(Cursor? after, RevocationFeed.State state)
    {
        var now = timeProvider.GetUtcNow();
        // A cursor from another cluster (a restored backup) means nothing here: send everything in force.
        var seen = after is { } cursor && cursor.Cluster == state.Cluster ? cursor.Snapshot : null;
        return [.. state.Entries.Where(entry => entry.Until > now && (seen is null || !seen.Sees(entry.TransactionId)))];
    }

    private static Task WriteAsync(HttpContext httpContext, RevocationFeed.State state, List<RevocationEntry> entries) =>
        OAuthAnswer.WriteAsync(httpContext, StatusCodes.Status200OK, (state, entries), static (json, answer) =>
        {
            json.WriteString("cursor", new Cursor(answer.state.Cluster, answer.state.Snapshot!).ToString());
            json.WriteStartArray("revoked");
            foreach (var entry in answer.entries)
                Write(json, entry);
            json.WriteEndArray();
        });

    private static void Write(Utf8JsonWriter json, RevocationEntry entry)
    {
        json.WriteStartObject();
        if (entry.JwtId is not null)
            json.WriteString("jti", entry.JwtId);
        else if (entry.GrantId is { } grantId)
            json.WriteString("grant_id", grantId);
        else
            json.WriteString("sub", entry.Subject);
        // Rounded up, so that tokens issued earlier in the same millisecond are ended too.
        json.WriteNumber("at", entry.At.AddTicks(TimeSpan.TicksPerMillisecond - 1).ToUnixTimeMilliseconds());
        json.WriteNumber("until", entry.Until.ToUnixTimeMilliseconds());
        json.WriteEndObject();
    }

    /// <summary>Whole seconds, clamped to 0 and <see cref="MaximumWait"/>.</summary>
    private static bool TryReadWait(string? text, out TimeSpan wait)
    {
        wait = TimeSpan.Zero;
        if (string.IsNullOrEmpty(text))
            return true;
        var isNegative = text[0] == '-';
        if (text.AsSpan(isNegative ? 1 : 0) is not { IsEmpty: false } digits || digits.ContainsAnyExceptInRange('0', '9'))
            return false;
        // Any number of digits: the value is clamped.
        wait = TimeSpan.FromSeconds(isNegative ? 0 : int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? Math.Min(seconds, MaximumWait) : MaximumWait);
        return true;
    }

    private static bool TryReadCursor(string? text, out Cursor? cursor)
    {
        cursor = null;
        if (string.IsNullOrEmpty(text))
            return true;
        return text.Length <= MaximumCursorLength && Cursor.TryParse(text, out cursor);
    }

    /// <summary>Opaque to callers: the cluster, and the snapshot that they have seen.</summary>
    private sealed record Cursor(string Cluster, PgSnapshot Snapshot)
    {
        public override string ToString() => Base64Url.EncodeToString(Encoding.ASCII.GetBytes($"{Cluster}/{Snapshot.Text}"));

        public static bool TryParse(string text, out Cursor? cursor)
        {
            cursor = null;
            if (!StrictBase64Url.TryDecode(text, out var bytes) || bytes is null)
                return false;
            var parts = Encoding.ASCII.GetString(bytes).Split('/');
            if (parts.Length != 2 || !IsCluster(parts[0]) || !PgSnapshot.TryParse(parts[1], out var snapshot))
                return false;
            cursor = new Cursor(parts[0], snapshot);
            return true;
        }

        /// <summary>System identifier, dot, timeline.</summary>
        private static bool IsCluster(string text) =>
            text.Length is > 0 and <= 32 && text.All(c => char.IsAsciiHexDigit(c) || c == '.');
    }
}
