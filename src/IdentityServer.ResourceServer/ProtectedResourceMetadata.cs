using System.Buffers;
using System.Text.Json;
using Jose;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>The document by which a client learns where to get a token for this API (RFC 9728). Made once, from settings only.</summary>
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

    public async Task WriteAsync(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = _document.Length;
        context.Response.Headers.CacheControl = "public, max-age=300";
        await context.Response.Body.WriteAsync(_document, context.RequestAborted);
    }

    private static byte[] Write(IdentityServerTokensOptions options)
    {
        var document = new ArrayBufferWriter<byte>(512);
        using (var writer = new Utf8JsonWriter(document))
        {
            writer.WriteStartObject();
            writer.WriteString("resource", options.Resource);
            writer.WriteStartArray("authorization_servers");
            writer.WriteStringValue(options.Authority);
            writer.WriteEndArray();
            // RFC 9728 §3.2: an empty array is left out.
            if (options.Scopes.Count > 0)
            {
                writer.WriteStartArray("scopes_supported");
                foreach (var scope in options.Scopes)
                    writer.WriteStringValue(scope);
                writer.WriteEndArray();
            }

            writer.WriteStartArray("bearer_methods_supported");
            writer.WriteStringValue("header");
            writer.WriteEndArray();
            writer.WriteStartArray("dpop_signing_alg_values_supported");
            foreach (var algorithm in DpopProof.Algorithms)
                writer.WriteStringValue(algorithm);
            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        return document.WrittenSpan.ToArray();
    }
}

public static class ProtectedResourceMetadataExtensions
{
    private static readonly string[] ReadMethods = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>Maps the metadata document, at its place for this resource's path too.</summary>
    public static IEndpointConventionBuilder MapProtectedResourceMetadata(this IEndpointRouteBuilder endpoints)
    {
        var metadata = endpoints.ServiceProvider.GetRequiredService<ProtectedResourceMetadata>();
        if (metadata.PathSuffix.Length > 0)
            endpoints.MapMethods(ProtectedResourceMetadata.WellKnown + metadata.PathSuffix, ReadMethods, metadata.WriteAsync).AllowAnonymous();
        return endpoints.MapMethods(ProtectedResourceMetadata.WellKnown, ReadMethods, metadata.WriteAsync).AllowAnonymous();
    }
}
