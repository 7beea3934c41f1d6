using Dpop;
using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace IdentityServer.Tests.Pages;

/// <summary>What tests ask about a browser's session.</summary>
internal static class BrowserSteps
{
    /// <summary>Whether the server takes the browser's cookie for a live session.</summary>
    public static async Task<bool> IsSignedInAsync(this Browser browser, ServerUnderTest server)
    {
        if (browser.Session() is not { } cookie)
            return false;
        var key = new SessionKey(browser.SessionId()!.Value, System.Security.Cryptography.SHA256.HashData(cookie.AsSpan(16)));
        return await server.Services.GetRequiredService<SessionStore>().FindAsync(key, null, server.Clock.GetUtcNow(), CancellationToken.None) is not null;
    }

    /// <summary>The claim <c>sid</c> of the session that the cookie names.</summary>
    public static Guid? SessionId(this Browser browser) => browser.Session() is { } cookie ? new Guid(cookie.AsSpan(0, 16), bigEndian: true) : null;

    private static byte[]? Session(this Browser browser) =>
        (browser.Cookies.TryGetValue("identityserver", out var text) || browser.Cookies.TryGetValue("__Host-identityserver", out text)) && StrictBase64Url.TryDecode(text, out var bytes) && bytes is { Length: 48 } ? bytes : null;
}
