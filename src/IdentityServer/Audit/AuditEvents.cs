namespace IdentityServer.Audit;

/// <summary>
/// What the audit trail tells of: the column <c>event</c>. Changes and refusals of people's credentials and of what the
/// server is; refreshes and clients' own tokens are counted by metrics, not written down one by one.
/// </summary>
internal static class AuditEvents
{
    public const string UserRegistered = "user_registered";

    /// <summary>An account was deleted, by whomever and whatever statement: the database writes it itself (<c>Baseline.Triggers.cs</c>). All that it was given ended with it.</summary>
    public const string UserDeleted = "user_deleted";

    /// <summary>A grant was started: by a password, or by the registration that made the account.</summary>
    public const string SignInSucceeded = "sign_in_succeeded";

    /// <summary>A password for an account that exists was refused, wherever it was given. Unknown names leave nothing.</summary>
    public const string SignInFailed = "sign_in_failed";

    /// <summary>That wrong password was the last one allowed (<c>Lockout:MaxFailures</c>).</summary>
    public const string AccountLocked = "account_locked";

    /// <summary>A signed-in user was sent back to a client with a code; reason <c>consent</c> where the user was asked.</summary>
    public const string ClientAuthorized = "client_authorized";

    /// <summary>A code that was exchanged before came back: its grant is ended (RFC 6749 §4.1.2).</summary>
    public const string AuthorizationCodeReused = "authorization_code_reused";

    /// <summary>A grant was ended by who holds it.</summary>
    public const string GrantEnded = "grant_ended";

    /// <summary>A browser session was ended; the grants that end with it are told one by one.</summary>
    public const string SessionEnded = "session_ended";

    /// <summary>One access token was ended; its grant, if it has one, goes on.</summary>
    public const string TokenRevoked = "token_revoked";

    /// <summary>A spent refresh token came back: its grant is ended (RFC 9700 §4.14.2).</summary>
    public const string RefreshTokenReused = "refresh_token_reused";

    /// <summary>A device code came back long after it was redeemed: its grant is ended.</summary>
    public const string DeviceCodeReused = "device_code_reused";

    /// <summary>Every other grant of the user ended with it.</summary>
    public const string PasswordChanged = "password_changed";

    /// <summary>A reset token was stored for an account that exists.</summary>
    public const string PasswordResetRequested = "password_reset_requested";

    /// <summary>Every grant of the user ended with it.</summary>
    public const string PasswordReset = "password_reset";

    /// <summary>One client, resource, role or account that a manifest changed or an import made. What it switched off ended with it.</summary>
    public const string ConfigurationApplied = "configuration_applied";

    /// <summary>A client registered itself (RFC 7591).</summary>
    public const string ClientRegistered = "client_registered";

    /// <summary>It changed what it had registered (RFC 7592 §2.2).</summary>
    public const string ClientChanged = "client_changed";

    /// <summary>It took itself away (RFC 7592 §2.3); what it was given ended with it.</summary>
    public const string ClientRemoved = "client_removed";

    /// <summary>A key got a successor.</summary>
    public const string KeysRotated = "keys_rotated";

    /// <summary>Every token that was ever issued ended with it (<c>replace-keys</c>).</summary>
    public const string KeysReplaced = "keys_replaced";
}

/// <summary>Why, or how it came out: the column <c>reason</c>. Our own words, never a caller's.</summary>
internal static class AuditReasons
{
    public const string Registration = "registration";
    public const string WrongPassword = "wrong_password";
    public const string Locked = "locked";
    public const string Disabled = "disabled";
    public const string Revoked = "revoked";
    public const string Logout = "logout";

    /// <summary>Its user ended it at the account page.</summary>
    public const string Account = "account";

    /// <summary>The user took back what the client was allowed.</summary>
    public const string ConsentWithdrawn = "consent_withdrawn";

    /// <summary>The account's password was changed or reset.</summary>
    public const string Password = "password";

    /// <summary>A browser session was started, or its password asked for again.</summary>
    public const string Session = "session";

    /// <summary>A user allowed a device (RFC 8628 §3.3).</summary>
    public const string Device = "device";

    /// <summary>The user was asked on a page.</summary>
    public const string Consent = "consent";
}
