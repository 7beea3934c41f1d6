using System.Buffers.Text;
using System.Security.Cryptography;
using Dpop;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Audit;
using IdentityServer.Settings;
using IdentityServer.Storage;
using ServiceDefaults;

namespace IdentityServer.Accounts.Sessions;

/// <summary>
/// Who is signed in at this browser. The cookie is an id and 256 random bits; the database holds only their hash, and a
/// session that ends there is over at once. The cookie is <c>HttpOnly</c>, <c>SameSite=Lax</c>, and over
/// https <c>Secure</c> with the prefix <c>__Host-</c> (RFC 6265bis §4.1.3.2).
/// </summary>
internal sealed class BrowserSessions(SessionStore store, SessionEnding ending, SessionSettings settings, IssuerSettings issuer, TimeProvider timeProvider)
{
    private const int SecretLength = 32;
    private const int MaximumUserAgentLength = 200;

    /// <summary>RFC 8176: a password.</summary>
    public static readonly string[] ByPassword = ["pwd"];

    private readonly string _cookie = issuer.CookieName("");

    /// <summary>The browser's live session, or null. One statement; none if there is no cookie.</summary>
    /// <param name="clientId">The client whose consent is looked up with it.</param>
    public async ValueTask<SessionState?> FindAsync(HttpContext httpContext, string? clientId = null) =>
        Read(httpContext) is { } key ? await store.FindAsync(key, clientId, timeProvider.GetUtcNow(), httpContext.Deadline()).WithinDeadline(httpContext) : null;

    /// <summary>
    /// Signs the browser in: always with a new secret, and with a new session unless the current one is the same user's.
    /// False: the account was disabled or its password changed since it was checked.
    /// </summary>
    /// <param name="isRemembered">The cookie survives closing the browser.</param>
    public async Task<bool> TryStartAsync(HttpContext httpContext, CheckedUser user, bool isRemembered)
    {
        httpContext.RequestAborted.ThrowIfCancellationRequested();
        var now = timeProvider.GetUtcNow();
        var lifetime = isRemembered ? settings.RememberedLifetime : settings.Lifetime;
        var secret = RandomNumberGenerator.GetBytes(SecretLength);
        var agent = httpContext.Request.Headers.UserAgent.ToString();
        var started = await store.TryStartAsync(
            new NewSession(
                GrantIds.Create(now), SHA256.HashData(secret), user.Id, user.SecurityStamp, user.NewHash, ByPassword, now, now + lifetime,
                Caller.AddressOf(httpContext), Shorten(agent), Read(httpContext))
            { IsRemembered = isRemembered },
            httpContext.Deadline()).WithinDeadline(httpContext);
        if (started is null)
            return false;
        // The previous user is signed out, including at the applications.
        if (started.Replaced is { } replaced)
            await ending.EndAsync(replaced.Id, replaced.UserId, new AuditNote(AuditEvents.SessionEnded, AuditReasons.Session, Caller.AddressOf(httpContext))).WithinDeadline(httpContext);
        httpContext.Response.Cookies.Append(_cookie, Write(started.Id, secret), Options(isRemembered ? lifetime : null));
        return true;
    }

    /// <summary>
    /// Deletes the cookie that came with the request; the caller ends the session itself. If no cookie came, none is
    /// deleted: a post from another site comes without it, and the answer would delete it anyway.
    /// </summary>
    public void Forget(HttpContext httpContext)
    {
        if (httpContext.Request.Cookies.ContainsKey(_cookie))
            httpContext.Response.Cookies.Delete(_cookie, Options(null));
    }

    /// <summary>What the browser sent; valid only if the database knows it.</summary>
    public SessionKey? Read(HttpContext httpContext)
    {
        if (!httpContext.Request.Cookies.TryGetValue(_cookie, out var text) || !StrictBase64Url.TryDecode(text, out var bytes) || bytes is not { Length: 16 + SecretLength })
            return null;
        return new SessionKey(new Guid(bytes.AsSpan(0, 16), bigEndian: true), SHA256.HashData(bytes.AsSpan(16)));
    }

    /// <summary>Null if empty. Never splits a surrogate pair, which the database would refuse.</summary>
    private static string? Shorten(string agent)
    {
        if (agent.Length <= MaximumUserAgentLength)
            return agent.Length == 0 ? null : agent;
        return agent[..(char.IsHighSurrogate(agent[MaximumUserAgentLength - 1]) ? MaximumUserAgentLength - 1 : MaximumUserAgentLength)];
    }

    private static string Write(Guid id, byte[] secret)
    {
        Span<byte> bytes = stackalloc byte[16 + SecretLength];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        secret.CopyTo(bytes[16..]);
        return Base64Url.EncodeToString(bytes);
    }

    private CookieOptions Options(TimeSpan? lifetime) => new()
    {
        HttpOnly = true,
        Secure = issuer.IsHttps,
        SameSite = SameSiteMode.Lax,
        Path = "/",
        MaxAge = lifetime,
        IsEssential = true,
    };
}
