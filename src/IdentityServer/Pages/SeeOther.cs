namespace IdentityServer.Pages;

/// <summary>RFC 9110 §15.4.4: a post is followed by a GET, so that a reload does not post again and no password is forwarded (RFC 9700 §4.12).</summary>
internal static class SeeOther
{
    public static void Write(HttpContext httpContext, string address)
    {
        httpContext.Response.StatusCode = StatusCodes.Status303SeeOther;
        httpContext.Response.Headers.Location = address;
        httpContext.Response.Headers.CacheControl = "no-store";
        httpContext.Response.ContentLength = 0;
    }
}
