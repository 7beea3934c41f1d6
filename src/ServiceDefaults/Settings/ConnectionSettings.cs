using System.ComponentModel.DataAnnotations;

namespace ServiceDefaults.Settings;

/// <summary>How much of a program a connection may hold.</summary>
[Section("Limits")]
public sealed record ConnectionSettings
{
    /// <summary>Connections at once; one more is closed unanswered. Each costs a file handle, which the database needs too.</summary>
    [Range(1, 1_000_000)]
    public int MaxConnections { get; init; } = 10_000;

    /// <summary>How long a request's headers may take, from their first byte.</summary>
    [Range(1, 3_600)]
    public TimeSpan HeadersTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a connection may go without a request; longer than a proxy keeps one (nginx: 60 s), so that the proxy closes first.</summary>
    [Range(1, 86_400)]
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(130);

    /// <summary>From the headers of a request to its answer; past it the answer is 503.</summary>
    [Range(1, 3_600)]
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(30);
}
