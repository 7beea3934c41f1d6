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
        return endpoints.MapPost(pattern, httpContext => HandleAsync(httpContext, verification, onLogout)).AllowAnonymous();
    }

    private static async Task HandleAsync(HttpContext httpContext, LogoutTokenVerification verification, Func<BackchannelLogout, HttpContext, Task> onLogout)
    {
        // §2.8
        httpContext.Response.Headers.CacheControl = "no-store";
        var text = await ReadAsync(httpContext);
        if (text is null || await verification.TryTakeAsync(text, httpContext.RequestAborted) is not var (logout, jwtId))
        {
            await RefuseAsync(httpContext, isOurFault: text is not null && verification.HasNoKeys);
            return;
        }
        try
        {
            await onLogout(logout, httpContext);
        }
        catch
        {
            verification.GiveBack(jwtId);
            throw;
        }
    }

    private static Task RefuseAsync(HttpContext httpContext, bool isOurFault)
    {
        if (isOurFault)
        {
            httpContext.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            httpContext.Response.Headers.RetryAfter = "1";
            return Task.CompletedTask;
        }
        httpContext.Response.StatusCode = StatusCodes.Status400BadRequest;
        httpContext.Response.ContentType = "application/json";
        httpContext.Response.ContentLength = Refusal.Length;
        return httpContext.Response.Body.WriteAsync(Refusal, httpContext.RequestAborted).AsTask();
    }

    /// <summary>The token from a form with exactly one; null: not such a form.</summary>
    private static async Task<string?> ReadAsync(HttpContext httpContext)
    {
        if (httpContext.Request.ContentType?.StartsWith("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase) != true
            || httpContext.Request.ContentLength > MaximumBodyLength)
            return null;
        if (httpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = MaximumBodyLength;
        try
        {
            var form = await new FormFeature(httpContext.Request, new FormOptions { ValueCountLimit = 20, ValueLengthLimit = MaximumBodyLength }).ReadFormAsync(httpContext.RequestAborted);
            return form["logout_token"] is [{ Length: > 0 } token] ? token : null;
        }
        // NotSupportedException: charset=utf-7.
        catch (Exception malformed) when (malformed is InvalidDataException or BadHttpRequestException or NotSupportedException)
        {
            return null;
        }
    }
}
