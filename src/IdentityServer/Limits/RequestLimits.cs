using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Protocol;

namespace IdentityServer.Limits;

/// <summary>What is counted separately.</summary>
internal enum Limit
{
    Token,

    /// <summary>The revocation feed, with the limit for tokens but counted separately, so that other requests from the same address can't block it.</summary>
    Feed,
    SignIn,

    /// <summary>
    /// Sign-outs, with the limit for tokens per address, which may be a gateway's, and that for sign-ins per account: nobody has
    /// more to end.
    /// </summary>
    SignOut,
    Registration,

    /// <summary>Clients that register themselves, or manage what they registered.</summary>
    ClientRegistration,
    Reset,

    /// <summary>A device asks for its code (RFC 8628 §3.1), which begins a sign-in and has that limit.</summary>
    Device,

    /// <summary>A code typed from a device (RFC 8628 §5.1); its account is the browser session.</summary>
    UserCode,

    /// <summary>A request pushed for a public client (RFC 9126 §2), which also begins a sign-in.</summary>
    Push,
}

/// <summary>
/// Rates per address and per account, counted in this node's memory. An account is counted by the typed name,
/// whether it exists or not, so that a limit does not reveal which accounts exist.
/// </summary>
internal sealed class RequestLimits : IDisposable
{
    private readonly PartitionedRateLimiter<(Limit Limit, string Key)>? _addresses;
    private readonly PartitionedRateLimiter<(Limit Limit, string Key)>? _accounts;

    public RequestLimits(LimitSettings settings)
    {
        if (!settings.IsEnabled)
            return;
        _addresses = Create(settings.Window, limit => limit switch
        {
            Limit.Token or Limit.Feed or Limit.SignOut => settings.TokensPerAddress,
            Limit.SignIn or Limit.Device or Limit.Push => settings.SignInsPerAddress,
            Limit.Registration => settings.RegistrationsPerAddress,
            Limit.ClientRegistration => settings.ClientRegistrationsPerAddress,
            Limit.UserCode => settings.UserCodesPerAddress,
            _ => settings.ResetsPerAddress,
        });
        _accounts = Create(settings.Window, limit => limit switch
        {
            // Each sends a message to an address.
            Limit.Reset or Limit.Registration => settings.ResetsPerAccount,
            Limit.UserCode => settings.UserCodesPerSession,
            _ => settings.SignInsPerAccount,
        });
    }

    /// <summary>Counts a request from an address. Null: it may proceed.</summary>
    public OAuthError? Refuse(Limit limit, HttpContext httpContext) => Refuse(limit, httpContext.Connection.RemoteIpAddress, account: null);

    /// <summary>Counts a request from an address and, if given, for an account.</summary>
    public OAuthError? Refuse(Limit limit, IPAddress? address, string? account)
    {
        if (_addresses is null || _accounts is null)
            return null;
        return Refuse(_addresses, (limit, AddressKey(address)))
            ?? (account is null ? null : Refuse(_accounts, (limit, AccountKey(account))));
    }

    /// <summary>Counts a request for an account, after its address has been counted.</summary>
    public OAuthError? RefuseAccount(Limit limit, string account) => _accounts is null ? null : Refuse(_accounts, (limit, AccountKey(account)));

    public void Dispose()
    {
        _addresses?.Dispose();
        _accounts?.Dispose();
    }

    private static OAuthError? Refuse(PartitionedRateLimiter<(Limit, string)> limiter, (Limit, string) key)
    {
        using var lease = limiter.AttemptAcquire(key);
        if (lease.IsAcquired)
            return null;
        return Errors.TooManyRequests with { RetryAfter = lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? wait : Errors.Busy.RetryAfter };
    }

    private static PartitionedRateLimiter<(Limit Limit, string Key)> Create(TimeSpan window, Func<Limit, int> permits) =>
        PartitionedRateLimiter.Create<(Limit Limit, string Key), (Limit, string)>(key => RateLimitPartition.GetFixedWindowLimiter(
            key, _ => new FixedWindowRateLimiterOptions { PermitLimit = permits(key.Limit), Window = window, QueueLimit = 0 }));

    /// <summary>An IPv6 caller controls at least a /64, so that is what is counted.</summary>
    private static string AddressKey(IPAddress? address)
    {
        if (address is null)
            return "";
        if (address.IsIPv4MappedToIPv6)
            return address.MapToIPv4().ToString();
        return address.AddressFamily == AddressFamily.InterNetworkV6
            ? Convert.ToHexString(address.GetAddressBytes().AsSpan(0, 8))
            : address.ToString();
    }

    private static string AccountKey(string account) =>
        LoginName.Fold(account.Length > LoginName.MaximumLength ? account[..LoginName.MaximumLength] : account);
}
