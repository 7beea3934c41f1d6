namespace IdentityServer.Audit;

/// <summary>
/// The events of the audit trail: the column <c>event</c>. They cover changes and refusals of people's credentials and changes to the
/// server; refreshes and clients' own tokens are counted by metrics, not recorded one by one.
/// </summary>
internal static class AuditEvents
{
    public const string UserRegistered = "user_registered";

    /// <summary>An account was deleted, by whatever statement: a trigger writes it (<c>Baseline.Triggers.cs</c>). Its grants and tokens ended with it.</summary>
    public const string UserDeleted = "user_deleted";

    /// <summary>A grant was started: by a password, or by the registration that made the account.</summary>
    public const string SignInSucceeded = "sign_in_succeeded";

    /// <summary>A password for an existing account was refused, wherever it was entered. Unknown names are not recorded.</summary>
    public const string SignInFailed = "sign_in_failed";

    /// <summary>A wrong password was the last one allowed (<c>Lockout:MaxFailures</c>).</summary>
    public const string AccountLocked = "account_locked";

    /// <summary>A signed-in user was sent back to a client with a code; reason <c>consent</c> if the user was asked.</summary>
    public const string ClientAuthorized = "client_authorized";

    /// <summary>A code was used again: its grant was ended (RFC 6749 §4.1.2).</summary>
    public const string AuthorizationCodeReused = "authorization_code_reused";

    /// <summary>A grant was ended by its holder.</summary>
    public const string GrantEnded = "grant_ended";

    /// <summary>A browser session was ended; the grants that end with it have their own events.</summary>
    public const string SessionEnded = "session_ended";

    /// <summary>One access token was revoked; its grant, if any, continues.</summary>
    public const string TokenRevoked = "token_revoked";

    /// <summary>A spent refresh token was used again: its grant was ended (RFC 9700 §4.14.2).</summary>
    public const string RefreshTokenReused = "refresh_token_reused";

    /// <summary>A device code was used long after it was redeemed: its grant was ended.</summary>
    public const string DeviceCodeReused = "device_code_reused";

    /// <summary>Every other grant of the user ended with it.</summary>
    public const string PasswordChanged = "password_changed";

    /// <summary>A reset token was stored for an account that exists.</summary>
    public const string PasswordResetRequested = "password_reset_requested";

    /// <summary>Every grant of the user ended with it.</summary>
    public const string PasswordReset = "password_reset";

    /// <summary>A manifest changed, or an import created, one client, resource, role or account. Grants of what was disabled ended with it.</summary>
    public const string ConfigurationApplied = "configuration_applied";

    /// <summary>A client registered itself (RFC 7591).</summary>
    public const string ClientRegistered = "client_registered";

    /// <summary>A client changed its registration (RFC 7592 §2.2).</summary>
    public const string ClientChanged = "client_changed";

    /// <summary>A client deleted its registration (RFC 7592 §2.3); its grants ended with it.</summary>
    public const string ClientRemoved = "client_removed";

    /// <summary>A key got a successor.</summary>
    public const string KeysRotated = "keys_rotated";

    /// <summary>Every token that was ever issued ended with it (<c>replace-keys</c>).</summary>
    public const string KeysReplaced = "keys_replaced";
}

/// <summary>Why, or with what result: the column <c>reason</c>. Our own words, never a caller's.</summary>
internal static class AuditReasons
{
    public const string Registration = "registration";
    public const string WrongPassword = "wrong_password";
    public const string Locked = "locked";
    public const string Disabled = "disabled";
    public const string Revoked = "revoked";
    public const string Logout = "logout";

    /// <summary>The user ended it on the account page.</summary>
    public const string Account = "account";

    /// <summary>The user withdrew the client's consent.</summary>
    public const string ConsentWithdrawn = "consent_withdrawn";

    /// <summary>The account's password was changed or reset.</summary>
    public const string Password = "password";

    /// <summary>A browser session was started, or its password asked for again.</summary>
    public const string Session = "session";

    /// <summary>A user allowed a device (RFC 8628 §3.3).</summary>
    public const string Device = "device";

    /// <summary>The user was asked on the consent page.</summary>
    public const string Consent = "consent";
}
