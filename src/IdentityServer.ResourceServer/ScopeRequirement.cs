using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace IdentityServer.ResourceServer;

/// <summary>The scope that an endpoint needs (RFC 6750 §3). It is also endpoint metadata, so that a refusal can name the scope.</summary>
internal sealed class ScopeRequirement(string scope) : AuthorizationHandler<ScopeRequirement>, IAuthorizationRequirement
{
    public string Scope { get; } = scope;

    /// <summary>Checks the verified token, not the claims, which any scheme or the application may add to.</summary>
    public bool IsMetBy(HttpContext httpContext) => httpContext.FindAccessToken()?.HasScope(Scope) == true;

    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, ScopeRequirement requirement)
    {
        if (context.Resource is HttpContext http && requirement.IsMetBy(http))
            context.Succeed(requirement);
        return Task.CompletedTask;
    }
}

/// <summary>The authentication scheme that accepts the issuer's tokens.</summary>
internal sealed record TokenScheme(string Name);

public static class ScopeRequirementExtensions
{
    /// <summary>Lets in only tokens with this scope; any other valid token gets 403 <c>insufficient_scope</c>.</summary>
    public static TBuilder RequireScope<TBuilder>(this TBuilder builder, string scope)
        where TBuilder : IEndpointConventionBuilder
    {
        // RFC 6749 §3.3: what a scope token may consist of; it goes into a header.
        if (scope.Length == 0 || scope.AsSpan().ContainsAnyExceptInRange('\x21', '\x7e') || scope.AsSpan().ContainsAny('"', '\\'))
            throw new ArgumentException("A scope is one word of printable ASCII without quotes and backslashes.", nameof(scope));

        var requirement = new ScopeRequirement(scope);
        builder.Add(endpoint =>
        {
            var scheme = endpoint.ApplicationServices.GetRequiredService<TokenScheme>().Name;
            endpoint.Metadata.Add(new AuthorizeAttribute { AuthenticationSchemes = scheme });
            endpoint.Metadata.Add(new AuthorizationPolicyBuilder(scheme).RequireAuthenticatedUser().AddRequirements(requirement).Build());
            endpoint.Metadata.Add(requirement);
        });
        return builder;
    }
}
