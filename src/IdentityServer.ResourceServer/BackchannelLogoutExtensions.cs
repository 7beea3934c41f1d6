using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace IdentityServer.ResourceServer;

public static class BackchannelLogoutExtensions
{
    /// <summary>The most octets of the body; our tokens need a tenth of that.</summary>
    private const int MaximumBodyLength = 16 * 1024;

    private static readonly byte[] Refusal = Encoding.ASCII.GetBytes("""{"error":"invalid_request","error_description":"This is no logout token for this client, or it was sent before."}""");

    /// <summary>
    /// Maps the <c>backchannel_logout_uri</c> of the client that <see cref="IdentityServerTokensOptions.ClientId"/> names (OpenID
    /// Connect Back-Channel Logout §2.5). Each logout token is verified and passed to <paramref name="onLogout"/> once on this node.
    /// If that throws, the answer is 500 and the issuer sends another token later.
    /// </summary>
    public static IEndpointConventionBuilder MapBackchannelLogout(this IEndpointRouteBuilder endpoints, string pattern, Func<BackchannelLogout, HttpContext, Task> onLogout)
    {
        ArgumentNullException.ThrowIfNull(onLogout);
        if (endpoints.ServiceProvider.GetService<IssuerKeys>() is null)
            throw new InvalidOperationException("MapBackchannelLogout needs the issuer's keys, which AddIdentityServerTokens or OpenIddict.Validation with UseRevocationFeed or UseDpop reads; JwtBearer keeps its own to itself.");
        var verification = ActivatorUtilities.CreateInstance<LogoutTokenVerification>(endpoints.ServiceProvider);
        return endpoints.MapPost(pattern, http => HandleAsync(http, verification, onLogout)).AllowAnonymous();
    }

    private static async Task HandleAsync(HttpContext http, LogoutTokenVerification verification, Func<BackchannelLogout, HttpContext, Task> onLogout)
    {
        // §2.8
        http.Response.Headers.CacheControl = "no-store";
        var text = await ReadAsync(http);
        if (text is null || await verification.TryTakeAsync(text, http.RequestAborted) is not var (logout, jwtId))
        {
            await RefuseAsync(http, isOurFault: text is not null && verification.HasNoKeys);
            return;
        }
        try
        {
            await onLogout(logout, http);
        }
        catch
        {
            verification.GiveBack(jwtId);
            throw;
        }
    }

    private static Task RefuseAsync(HttpContext http, bool isOurFault)
    {
        if (isOurFault)
        {
            http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            http.Response.Headers.RetryAfter = "1";
            return Task.CompletedTask;
        }
        http.Response.StatusCode = StatusCodes.Status400BadRequest;
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = Refusal.Length;
        return http.Response.Body.WriteAsync(Refusal, http.RequestAborted).AsTask();
    }

    /// <summary>The token from a form with exactly one; null: not such a form.</summary>
    private static async Task<string?> ReadAsync(HttpContext http)
    {
        if (http.Request.ContentType?.StartsWith("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase) != true
            || http.Request.ContentLength > MaximumBodyLength)
            return null;
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = MaximumBodyLength;
        try
        {
            var form = await new FormFeature(http.Request, new FormOptions { ValueCountLimit = 20, ValueLengthLimit = MaximumBodyLength }).ReadFormAsync(http.RequestAborted);
            return form["logout_token"] is [{ Length: > 0 } token] ? token : null;
        }
        // NotSupportedException: charset=utf-7.
        catch (Exception malformed) when (malformed is InvalidDataException or BadHttpRequestException or NotSupportedException)
        {
            return null;
        }
    }
}
