namespace ResourceApi.Settings;

/// <summary>Every name that this program reads: what else stands below these sections is misspelt. A test compares them with the code.</summary>
internal static class KnownSettings
{
    public static readonly string[] Names =
    [
        "ConnectionStrings:ResourceApi",
        "Cors:Origins",
        "Database:QueueLength",
        "Limits:HeadersTimeout", "Limits:IdleTimeout", "Limits:MaxConnections", "Limits:RequestTimeout",
        "LocalPostgres:Binaries", "LocalPostgres:Directory",
        "Metrics:Urls",
        "ResourceApi:AllowInsecureHttp", "ResourceApi:Authority", "ResourceApi:BackchannelAddress", "ResourceApi:ClientId", "ResourceApi:ClientSecret",
        "ResourceApi:ClockSkew", "ResourceApi:PublicAddress", "ResourceApi:RequireDpopNonce", "ResourceApi:Resource",
        "Revocation:MaxStaleness",
        "Shutdown:DrainSeconds", "Shutdown:TimeoutSeconds",
    ];
}
