namespace IdentityServer.Pages;

/// <summary>RFC 9110 §15.4.4: a post is followed by a GET, so that a reload does not post again and no password is forwarded (RFC 9700 §4.12).</summary>
internal static class SeeOther
{
    public static void Write(HttpContext http, string address)
    {
        http.Response.StatusCode = StatusCodes.Status303SeeOther;
        http.Response.Headers.Location = address;
        http.Response.Headers.CacheControl = "no-store";
        http.Response.ContentLength = 0;
    }
}
