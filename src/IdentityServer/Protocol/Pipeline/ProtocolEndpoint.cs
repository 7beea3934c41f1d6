using OpenIddict.Server;

namespace IdentityServer.Protocol.Pipeline;

/// <summary>Metadata of a route that OpenIddict answers.</summary>
/// <param name="Address">Relative to the issuer.</param>
internal sealed record ProtocolEndpoint(OpenIddictServerEndpointType Type, Uri Address);

internal static class ProtocolEndpointExtensions
{
    /// <summary>
    /// Maps a route that OpenIddict answers. Routing adds CORS, a name in metrics and logs, 404 and 405; the authentication
    /// middleware, which runs after routing, answers it.
    /// </summary>
    /// <param name="methods">Default: POST.</param>
    public static IEndpointConventionBuilder MapProtocol(this IEndpointRouteBuilder app, string route, OpenIddictServerEndpointType type, Uri address, params string[] methods) =>
        app.MapMethods(route, methods.Length == 0 ? [HttpMethods.Post] : methods, static _ => throw new InvalidOperationException("OpenIddict left a request to its endpoint unanswered."))
            .WithMetadata(new ProtocolEndpoint(type, address));
}
