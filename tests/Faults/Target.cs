using System.Diagnostics;
using System.Text.Json;

namespace Faults;

/// <summary>An answer, or none: status 0 is a connection that broke, -1 one that hung.</summary>
internal sealed record Answer(int Status, JsonElement Json, bool MayBeRetried)
{
    /// <summary>Whether an earlier attempt of the same request may have succeeded without our knowing.</summary>
    public bool WasUnsure { get; init; }

    public bool IsBroken => Status == 0;

    /// <summary>503 with <c>Retry-After</c>.</summary>
    public bool IsRefusal => Status == 503 && MayBeRetried;

    public string Text(string name) => Json.GetProperty(name).GetString()!;

    public JsonElement Data => Json.GetProperty("data");

    /// <summary>The error's code, never a secret.</summary>
    public string Code => Json.ValueKind == JsonValueKind.Object && (Json.TryGetProperty("error", out var code) || Json.TryGetProperty("code", out code)) ? code.GetString() ?? "" : "";
}

/// <summary>An address that the load talks to, and how long it went without a right answer.</summary>
internal sealed class Target(string name, Uri address) : IDisposable
{
    /// <summary>Any later answer counts as a hang.</summary>
    public static readonly TimeSpan LongestAnswer = TimeSpan.FromSeconds(20);

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(5) })
    {
        BaseAddress = address,
        Timeout = LongestAnswer,
    };

    private readonly Lock _gate = new();
    private long _lastRight = Stopwatch.GetTimestamp();
    private long _lastBad;
    private long _begun = Stopwatch.GetTimestamp();
    private bool _hasAnswered;
    private double _longestGap;
    private double _longestGapAt;

    public string Name => name;

    public Uri Address => address;

    /// <summary>Seconds.</summary>
    public double LongestGap
    {
        get
        {
            lock (_gate)
                return _longestGap;
        }
    }

    /// <summary>When it began: seconds after <see cref="Begin"/>.</summary>
    public double LongestGapAt => _longestGapAt;

    public bool HasAnswered => Volatile.Read(ref _hasAnswered);

    public long LastRight => Volatile.Read(ref _lastRight);

    public long LastBad => Volatile.Read(ref _lastBad);

    /// <summary>The load begins; a pause before it is not an outage.</summary>
    public void Begin()
    {
        lock (_gate)
            _begun = _lastRight = Stopwatch.GetTimestamp();
            _longestGap = 0;
    }

    public void CountRight()
    {
        lock (_gate)
        {
            var now = Stopwatch.GetTimestamp();
            _hasAnswered = true;
            if (Stopwatch.GetElapsedTime(_lastRight, now).TotalSeconds is var gap && gap > _longestGap)
                (_longestGap, _longestGapAt) = (gap, Stopwatch.GetElapsedTime(_begun, _lastRight).TotalSeconds);
            _lastRight = now;
        }
    }

    public void CountBad() => Volatile.Write(ref _lastBad, Stopwatch.GetTimestamp());

    public async Task<Answer> AskAsync(HttpRequestMessage request)
    {
        using var disposed = request;
        try
        {
            using var response = await _http.SendAsync(request);
            var body = await response.Content.ReadAsByteArrayAsync();
            return new Answer((int)response.StatusCode, Parse(body), response.Headers.RetryAfter is not null);
        }
        catch (HttpRequestException)
        {
            return new Answer(0, default, false);
        }
        catch (TaskCanceledException)
        {
            return new Answer(-1, default, false);
        }
        catch (IOException)
        {
            return new Answer(0, default, false);
        }
    }

    public void Dispose() => _http.Dispose();

    private static JsonElement Parse(byte[] body)
    {
        try
        {
            return body.Length == 0 ? default : JsonDocument.Parse(body).RootElement;
        }
        catch (JsonException)
        {
            return default;
        }
    }
}
