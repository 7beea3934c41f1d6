using System.Buffers.Text;
using System.Security.Cryptography;
using Dpop;
using IdentityServer.Settings;

namespace IdentityServer.Accounts;

/// <summary>
/// Distinguishes the browser that registered from any other in which the link in the message is opened. Whoever reads the
/// mail of an address that a stranger entered must not create an account whose password the stranger knows.
/// </summary>
internal sealed class RegistrationCookie(IssuerSettings issuer, EmailConfirmationSettings settings)
{
    private const int Length = 32;

    private readonly string _name = issuer.CookieName(".registration");

    /// <summary>Gives the browser its cookie, or keeps the one it has, since it may be waiting for several messages.</summary>
    /// <returns>The argument for <see cref="IsOf"/>.</returns>
    public byte[] Keep(HttpContext httpContext)
    {
        var secret = Read(httpContext) ?? RandomNumberGenerator.GetBytes(Length);
        httpContext.Response.Cookies.Append(_name, Base64Url.EncodeToString(secret), new CookieOptions
        {
            HttpOnly = true,
            Secure = issuer.IsHttps,
            SameSite = SameSiteMode.Lax,
            Path = "/",
            MaxAge = settings.Lifetime,
            IsEssential = true,
        });
        return SHA256.HashData(secret);
    }

    public bool IsOf(HttpContext httpContext, byte[] hash) =>
        Read(httpContext) is { } secret && CryptographicOperations.FixedTimeEquals(SHA256.HashData(secret), hash);

    private byte[]? Read(HttpContext httpContext) =>
        httpContext.Request.Cookies.TryGetValue(_name, out var text) && StrictBase64Url.TryDecode(text, out var bytes) && bytes is { Length: Length } ? bytes : null;
}
