namespace IdentityServer.Pages;

/// <summary>
/// A cookie that is always <c>Secure</c>. Not by <see cref="CookieSecurePolicy.Always"/>: antiforgery then throws where TLS ends at a
/// proxy that is not known to us, and the issuer says that browsers come by https.
/// </summary>
internal sealed class SecureCookie : CookieBuilder
{
    public override CookieOptions Build(HttpContext context, DateTimeOffset expiresFrom)
    {
        var options = base.Build(context, expiresFrom);
        options.Secure = true;
        return options;
    }
}
