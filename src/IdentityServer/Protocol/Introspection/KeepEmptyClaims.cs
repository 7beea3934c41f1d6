using IdentityServer.Protocol.Pipeline;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Introspection;

/// <summary>A user without roles has <c>"roles": []</c> in the token, so introspection must have it too. OpenIddict drops empty values.</summary>
internal sealed class KeepEmptyClaims : IOpenIddictServerHandler<ApplyIntrospectionResponseContext>
{
    public ValueTask HandleAsync(ApplyIntrospectionResponseContext context)
    {
        if (ProtocolRequest.Of(context).TokenClaims is not { } claims)
            return default;
        foreach (var claim in claims.Root.EnumerateObject())
        {
            if (!context.Response.HasParameter(claim.Name))
                context.Response.AddParameter(claim.Name, new OpenIddictParameter(claim.Value));
        }
        return default;
    }
}
