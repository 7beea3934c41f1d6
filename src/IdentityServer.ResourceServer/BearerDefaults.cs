using Microsoft.AspNetCore.Http;
using OpenIddict.Validation.AspNetCore;

namespace IdentityServer.ResourceServer;

public static class BearerDefaults
{
    /// <summary>The authentication scheme of <c>AddIdentityServerTokens</c>: OpenIddict's.</summary>
    public const string Scheme = OpenIddictValidationAspNetCoreDefaults.AuthenticationScheme;

    /// <summary>The verified token of this request, or null.</summary>
    public static AccessToken? FindAccessToken(this HttpContext httpContext) => httpContext.Features.Get<AccessToken>();

    /// <summary>The verified token of a request to an endpoint that requires one.</summary>
    public static AccessToken RequireAccessToken(this HttpContext httpContext) =>
        httpContext.FindAccessToken() ?? throw new InvalidOperationException("This endpoint was reached without a verified token: it lacks RequireScope or RequireAuthorization.");
}
