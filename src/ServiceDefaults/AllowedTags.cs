namespace ServiceDefaults;

/// <summary>
/// The only tags that leave the process: none of them can hold what a caller sent. A path, a query or a header may hold a
/// token or the key of somebody's data. What a later version of a library adds stays inside until it is listed here.
/// </summary>
internal static class AllowedTags
{
    public static readonly string[] OfMetrics =
    [
        "outcome", "grant_type", "reason", "use", "gate", "what", "kind",
        "http.request.method", "http.response.status_code", "http.route", "url.scheme", "error.type",
        "network.protocol.name", "network.protocol.version", "network.transport", "network.type", "server.address", "server.port", "tls.protocol.version",
        "db.client.connection.pool.name", "db.client.connection.state", "cpu.mode", "gc.heap.generation",
    ];

    public static readonly HashSet<string> OfSpans = new(StringComparer.Ordinal)
    {
        "http.request.method", "http.response.status_code", "http.route", "network.protocol.version", "url.scheme", "error.type",
        "db.system.name", "db.namespace", "db.operation.name", "db.query.text", "db.response.status_code",
    };
}
