using OpenIddict.Abstractions;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Introspection;

internal static class InactiveTokens
{
    /// <summary>OpenIddict turns this into just <c>{"active": false}</c>, whatever the reason (RFC 7662 §2.2).</summary>
    public static void RejectAsInactive(this HandleIntrospectionRequestContext context) =>
        context.Reject(OpenIddictConstants.Errors.InvalidToken);
}
