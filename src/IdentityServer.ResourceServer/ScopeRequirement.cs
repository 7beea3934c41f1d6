using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;

namespace IdentityServer.ResourceServer;

/// <summary>The scope that an endpoint needs (RFC 6750 §3). Also endpoint metadata, so that a refusal can name it.</summary>
internal sealed class ScopeRequirement(string scope) : AuthorizationHandler<ScopeRequirement>, IAuthorizationRequirement
{
    public string Scope { get; } = scope;

    public bool IsMetBy(ClaimsPrincipal user) => user.HasClaim("scope", Scope);

    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, ScopeRequirement requirement)
    {
        if (requirement.IsMetBy(context.User))
            context.Succeed(requirement);
        return Task.CompletedTask;
    }
}

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
        var policy = new AuthorizationPolicyBuilder(BearerDefaults.Scheme).RequireAuthenticatedUser().AddRequirements(requirement).Build();
        builder.RequireAuthorization(policy);
        builder.Add(endpoint => endpoint.Metadata.Add(requirement));
        return builder;
    }
}
