using OpenIddict.Server;

namespace IdentityServer.Protocol.Pipeline;

/// <summary>Metadata of a route that OpenIddict answers.</summary>
/// <param name="Address">Below the issuer.</param>
internal sealed record ProtocolEndpoint(OpenIddictServerEndpointType Type, Uri Address);

internal static class ProtocolEndpointExtensions
{
    /// <summary>
    /// Maps a route for OpenIddict to answer. Routing gives it CORS, its name in metrics and logs, 404 and 405; the authentication
    /// middleware, which comes behind routing, answers it.
    /// </summary>
    /// <param name="methods">POST where none is given.</param>
    public static IEndpointConventionBuilder MapProtocol(this IEndpointRouteBuilder app, string route, OpenIddictServerEndpointType type, Uri address, params string[] methods) =>
        app.MapMethods(route, methods.Length == 0 ? [HttpMethods.Post] : methods, static _ => throw new InvalidOperationException("OpenIddict left a request to its endpoint unanswered."))
            .WithMetadata(new ProtocolEndpoint(type, address));
}
