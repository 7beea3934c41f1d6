namespace IdentityServer.Pages;

/// <summary>
/// A cookie that is always <c>Secure</c>. Not by <see cref="CookieSecurePolicy.Always"/>: antiforgery then throws if TLS ends at a
/// proxy that we don't know, although the issuer's address shows that browsers use https.
/// </summary>
internal sealed class SecureCookie : CookieBuilder
{
    public override CookieOptions Build(HttpContext httpContext, DateTimeOffset expiresFrom)
    {
        var options = base.Build(httpContext, expiresFrom);
        options.Secure = true;
        return options;
    }
}
