using static IdentityServer.Protocol.OAuthErrorCodes;

namespace IdentityServer.Protocol;

public static partial class Errors
{
    // Token exchange: RFC 8693 §2.1, §2.2.2
    public static readonly OAuthError SubjectTokenRefused = new(InvalidRequest, "The subject token is invalid, expired, revoked or not for this client.");
    public static readonly OAuthError ActorTokenRefused = new(InvalidRequest, "The actor token is invalid, expired, revoked or not for this client.");
    public static readonly OAuthError DelegationTooLong = new(InvalidRequest, "The subject token has been exchanged too often in a row.");
    public static readonly OAuthError ExchangeWidens = new(InvalidScope, "The scope is wider than what the subject token allows.");
    public static readonly OAuthError ExchangeEmpty = new(InvalidScope, "No scope is left that both the subject token and the client allow.");
}

public static partial class Parameters
{
    // RFC 8693 §2.1, §2.2.1
    public const string SubjectToken = "subject_token";
    public const string ActorToken = "actor_token";
    public const string IssuedTokenType = "issued_token_type";
    public const string Audience = "audience";
}

public static partial class ClaimNames
{
    /// <summary>Who acts for the subject; earlier actors are nested in it (RFC 8693 §4.1).</summary>
    public const string Actor = "act";
}

/// <summary>Token types in a token exchange (RFC 8693 §3).</summary>
public static class TokenTypeIdentifiers
{
    public const string AccessToken = "urn:ietf:params:oauth:token-type:access_token";
    public const string Jwt = "urn:ietf:params:oauth:token-type:jwt";
}
