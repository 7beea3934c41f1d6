using System.Text;
using System.Text.Json.Nodes;
using Dpop;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>The document that tells a client where to get a token for this API (RFC 9728). Built once, from settings only.</summary>
internal sealed class ProtectedResourceMetadata
{
    public const string WellKnown = "/.well-known/oauth-protected-resource";

    private readonly byte[] _document;

    public ProtectedResourceMetadata(IOptions<IdentityServerTokensOptions> options)
    {
        var resource = new Uri(options.Value.Resource);
        // RFC 9728 §3.1: the well-known string goes between host and path; a lone slash is dropped.
        PathSuffix = resource.AbsolutePath.TrimEnd('/');
        Address = resource.GetLeftPart(UriPartial.Authority) + WellKnown + PathSuffix;
        _document = Write(options.Value);
    }

    public string Address { get; }

    public string PathSuffix { get; }

    public async Task WriteAsync(HttpContext httpContext)
    {
        httpContext.Response.ContentType = "application/json";
        httpContext.Response.ContentLength = _document.Length;
        httpContext.Response.Headers.CacheControl = "public, max-age=300";
        await httpContext.Response.Body.WriteAsync(_document, httpContext.RequestAborted);
    }

    private static byte[] Write(IdentityServerTokensOptions options)
    {
        var document = new JsonObject { ["resource"] = options.Resource, ["authorization_servers"] = new JsonArray(options.Authority) };
        // RFC 9728 §3.2: an empty array is left out.
        if (options.Scopes.Count > 0)
            document["scopes_supported"] = ListOf(options.Scopes);
        document["bearer_methods_supported"] = new JsonArray("header");
        if (options.IsDpopUsed)
            document["dpop_signing_alg_values_supported"] = ListOf(DpopProof.Algorithms);
        return Encoding.UTF8.GetBytes(document.ToJsonString());
    }

    private static JsonArray ListOf(IEnumerable<string> names) => new([.. names.Select(name => JsonValue.Create(name))]);
}

/// <summary>
/// Serves the document if the API does not map it, because each challenge points to it (RFC 9728 §5.1). Runs before everything
/// else, because the API's policies must not protect a document that says how to satisfy them.
/// </summary>
internal sealed class ProtectedResourceMetadataFilter(ProtectedResourceMetadata metadata) : IStartupFilter
{
    private bool? _isMapped;

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(following => context => IsAsked(context) && !IsMapped(context) ? metadata.WriteAsync(context) : following(context));
        next(app);
    };

    private bool IsAsked(HttpContext httpContext) =>
        httpContext.Request.Path.Value is { } path && path.StartsWith(ProtectedResourceMetadata.WellKnown, StringComparison.Ordinal)
        && (HttpMethods.IsGet(httpContext.Request.Method) || HttpMethods.IsHead(httpContext.Request.Method))
        && path.AsSpan(ProtectedResourceMetadata.WellKnown.Length) is var suffix && (suffix.IsEmpty || suffix.SequenceEqual(metadata.PathSuffix));

    /// <summary>If the API maps it, the API also configures it, for example with CORS. Routes are complete when the first request comes.</summary>
    private bool IsMapped(HttpContext httpContext) => _isMapped ??=
        httpContext.RequestServices.GetService<EndpointDataSource>() is { } routes
        && routes.Endpoints.OfType<RouteEndpoint>().Any(route => "/" + route.RoutePattern.RawText?.TrimStart('/') == ProtectedResourceMetadata.WellKnown);
}

public static class ProtectedResourceMetadataExtensions
{
    private static readonly string[] ReadMethods = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>
    /// Maps the metadata document, also at the address for this resource's path. It is served without this too; mapped, it can have what any endpoint
    /// has, such as a CORS policy.
    /// </summary>
    public static IEndpointConventionBuilder MapProtectedResourceMetadata(this IEndpointRouteBuilder endpoints)
    {
        var metadata = endpoints.ServiceProvider.GetRequiredService<ProtectedResourceMetadata>();
        if (metadata.PathSuffix.Length > 0)
            endpoints.MapMethods(ProtectedResourceMetadata.WellKnown + metadata.PathSuffix, ReadMethods, metadata.WriteAsync).AllowAnonymous();
        return endpoints.MapMethods(ProtectedResourceMetadata.WellKnown, ReadMethods, metadata.WriteAsync).AllowAnonymous();
    }
}
