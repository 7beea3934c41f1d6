namespace IdentityServer.Settings;

/// <summary>Every name that this program reads: what else stands below these sections is misspelt. A test compares them with the code.</summary>
internal static class KnownSettings
{
    public static readonly string[] Names =
    [
        "AccessTokens:Lifetime", "AccessTokens:SigningAlgorithm",
        "Audit:RetentionDays",
        "Branding:AccentColor", "Branding:AccentColorDark", "Branding:LogoUri", "Branding:Name",
        "ClientAssertions:Algorithms", "ClientAssertions:IssuerAudienceOnly",
        "ConnectionStrings:IdentityServer",
        "Cors:Origins",
        "Database:QueueLength",
        "DataProtection:CertificatePassword", "DataProtection:CertificatePath", "DataProtection:PreviousCertificatePassword", "DataProtection:PreviousCertificatePath",
        "DeviceCodes:Lifetime",
        "Dpop:Algorithms", "Dpop:NonceLifetime", "Dpop:ProofLifetime", "Dpop:RequireNonce",
        "EmailConfirmation:Lifetime",
        "ForwardedHeaders:KnownProxies",
        "IdentityServer:AllowInsecureHttp", "IdentityServer:Issuer", "IdentityServer:Manifest",
        "IdTokens:Lifetime",
        "Limits:ClientRegistrationsPerAddress", "Limits:Enabled", "Limits:HeadersTimeout", "Limits:IdleTimeout", "Limits:MaxConnections",
        "Limits:RegistrationsPerAddress", "Limits:RequestTimeout", "Limits:ResetsPerAccount", "Limits:ResetsPerAddress", "Limits:SignInsPerAccount",
        "Limits:SignInsPerAddress", "Limits:TokensPerAddress", "Limits:UserCodesPerAddress", "Limits:UserCodesPerSession", "Limits:Window",
        "LocalPostgres:Binaries", "LocalPostgres:Directory",
        "Lockout:Duration", "Lockout:MaxFailures",
        "Mail:Directory", "Mail:From",
        "Metrics:Urls",
        "MutualTls:Enabled", "MutualTls:ProxyHeader",
        "Outbound:AllowPrivateAddresses",
        "Password:AllowPublicClients", "Password:Iterations", "Password:MaximumLength", "Password:MinimumLength", "Password:Parallelism",
        "Password:QueueLength", "Password:QueueTimeout", "Password:RejectCommon", "Password:RequireDigit", "Password:RequireLowercase",
        "Password:RequireNonAlphanumeric", "Password:RequireUppercase",
        "Pruning:Cron",
        "PushedRequests:Lifetime", "PushedRequests:Required",
        "RefreshTokens:AbsoluteLifetime", "RefreshTokens:Leeway", "RefreshTokens:Lifetime",
        "Registration:InitialAccessTokens", "Registration:MaxClients", "Registration:Mode", "Registration:RequirePkce", "Registration:Scopes",
        "ResetTokens:Lifetime",
        "Sessions:Lifetime", "Sessions:RememberedLifetime",
        "Shutdown:DrainSeconds", "Shutdown:TimeoutSeconds",
        "SigningKeys:Lifetime", "SigningKeys:PublishAhead",
        "Smtp:From", "Smtp:Host", "Smtp:Password", "Smtp:Port", "Smtp:RequireTls", "Smtp:Security", "Smtp:Timeout", "Smtp:User",
    ];
}
