using Microsoft.OpenApi;
using ResourceApi.Data;
using ResourceApi.Storage;
using ResourceApi.Web;
using ServiceDefaults;
using ServiceDefaults.Http;
using static ServiceDefaults.Http.Describe;

namespace ResourceApi.OpenApi;

/// <summary>Describes every route at <c>/openapi/v1.json</c>. A test compares it with the routes and with real answers.</summary>
internal static class DataApiDocument
{
    private static OpenApiSchema Key => Text("1 to 256 code points, no control characters, not . or ..", 1, ItemKey.MaximumCodePoints);
    private static OpenApiSchema Value => Text("At most 65536 bytes of UTF-8, without NUL and lone surrogates.", maximum: ItemValue.MaximumLength);
    private static OpenApiSchema Time => new() { Type = JsonSchemaType.String, Format = "date-time" };
    private static OpenApiSchema Texts => new() { Type = JsonSchemaType.Array, Items = Text() };
    private static (string, OpenApiHeader) Version => ("ETag", new OpenApiHeader { Description = "The version, for If-Match.", Schema = Text() });
    private static (string, OpenApiHeader) Location => ("Location", new OpenApiHeader { Description = "Where the item is.", Schema = Text() });

    public static void AddDataApiDocument(this IServiceCollection services) => services.AddDocument(
        "ResourceApi", "A store of texts under keys. Keys belong to the subject of the access token: nobody else sees them.",
        "An access token of the authorization server that /.well-known/oauth-protected-resource names.", (document, _) => Write(document));

    private static OpenApiPaths Write(OpenApiDocument document) => new()
    {
        [RawPath.Items] = Path(
            (HttpMethod.Post, Protected(document, DataEndpoints.WriteScope, "storeItem", "Stores a value under a new key.",
                [Success("201", "Stored.", Object(Required("key", Key)), headers: [Version, Location]), Error(ApiErrors.InvalidRequest, Refusals.InvalidKey, Refusals.InvalidValue), Error(Refusals.KeyExists)],
                Object(Required("key", Key), Required("value", Value)))),
            (HttpMethod.Get, List(document, "listItems")),
            (HttpMethod.Head, List(document, "headItems"))),
        [RawPath.Items + "/{key}"] = Path(
            (HttpMethod.Get, Find(document, "getItem")),
            (HttpMethod.Head, Find(document, "headItem")),
            (HttpMethod.Put, OfItem(document, DataEndpoints.WriteScope, "updateItem", "Changes a key's value.", "Change only these versions; * for any.", "Do not change these versions.",
                [Success("200", "Updated.", Object(Required("key", Key)), headers: [Version]), Error(ApiErrors.InvalidRequest, Refusals.InvalidKey, Refusals.InvalidValue)],
                Object(Required("value", Value)))),
            (HttpMethod.Delete, OfItem(document, DataEndpoints.WriteScope, "deleteItem", "Deletes a key.", "Delete only these versions; * for any.", "Do not delete these versions.",
                [Success("200", "Deleted.", Object(Required("key", Key))), Error(ApiErrors.InvalidRequest, Refusals.InvalidKey)]))),
        [HealthEndpoints.Live] = Path(
            (HttpMethod.Get, Operation("live", "Whether the program runs.", [Success("200", "It runs.", null)])),
            (HttpMethod.Head, Operation("headLive", "Whether the program runs.", [Success("200", "It runs.", null)]))),
        [HealthEndpoints.Ready] = Path((HttpMethod.Get, Ready("ready")), (HttpMethod.Head, Ready("headReady"))),
        ["/.well-known/oauth-protected-resource"] = Path(
            (HttpMethod.Get, Metadata("protectedResourceMetadata")),
            (HttpMethod.Head, Metadata("headProtectedResourceMetadata"))),
    };

    private static OpenApiOperation List(OpenApiDocument document, string id) => Protected(document, DataEndpoints.ReadScope, id, "Lists keys in the order of their code points.",
        [
            Success("200", "A page.", Object(
                Required("items", new OpenApiSchema
                {
                    Type = JsonSchemaType.Array,
                    MaxItems = PageRequest.MaximumLimit,
                    Items = Object(Required("key", Key), Required("size", Integer("Bytes of the value in UTF-8.")), Required("created_at", Time), Required("updated_at", Time)),
                }),
                Required("next", new OpenApiSchema { Type = JsonSchemaType.String | JsonSchemaType.Null, Description = "null at the end." }))),
            Error(ApiErrors.InvalidRequest),
        ],
        parameters:
        [
            Parameter(ParameterLocation.Query, "prefix", "Only keys that begin so.", Text(maximum: ItemKey.MaximumCodePoints)),
            Parameter(ParameterLocation.Query, "limit", "How many, clamped to 1 to 1000.", new OpenApiSchema { Type = JsonSchemaType.Integer, Default = PageRequest.DefaultLimit }),
            Parameter(ParameterLocation.Query, "after", "Continue after this key.", Text()),
        ]);

    private static OpenApiOperation Find(OpenApiDocument document, string id) => OfItem(
        document, DataEndpoints.ReadScope, id, "Reads the value of a key.", "Answer 412 for other versions.", "Answer 304 for these versions.",
        [
            Success("200", "Found.", Object(Required("key", Key), Required("value", Value)), headers: [Version]),
            ("304", new OpenApiResponse { Description = "The caller has this version.", Headers = Headers(Version) }),
            Error(ApiErrors.InvalidRequest, Refusals.InvalidKey),
        ]);

    private static OpenApiOperation Ready(string id) => Operation(
        id, "Whether the database and the issuer can be reached.", [Success("200", "Ready.", null), Error(Refusals.NotReady)]);

    private static OpenApiOperation Metadata(string id) => Operation(id, "Protected resource metadata (RFC 9728).",
        [
            ("200", Json("The document.", Object(
                Required("resource", Text()), Required("authorization_servers", Texts), Required("scopes_supported", Texts), Required("bearer_methods_supported", Texts)))),
        ]);

    private static OpenApiOperation OfItem(
        OpenApiDocument document, string scope, string id, string summary, string ifMatch, string ifNoneMatch, (string, OpenApiResponse)[] answers, OpenApiSchema? body = null) =>
        Protected(document, scope, id, summary, [.. answers, Error(Refusals.KeyNotFound), Error(Refusals.PreconditionFailed)], body,
            [
                Parameter(ParameterLocation.Path, "key", "Percent-encoded once, including / and %.", Key),
                Parameter(ParameterLocation.Header, "If-Match", ifMatch, Text()),
                Parameter(ParameterLocation.Header, "If-None-Match", ifNoneMatch, Text()),
            ]);

    /// <summary>It takes a token and asks the database.</summary>
    private static OpenApiOperation Protected(
        OpenApiDocument document, string scope, string id, string summary, (string, OpenApiResponse)[] answers, OpenApiSchema? body = null, OpenApiParameter[]? parameters = null) =>
        Operation(
            id, summary, [.. answers, Error(ApiErrors.InvalidToken), Error(Refusals.InsufficientScope), Error(ApiErrors.InternalError), Error(ApiErrors.ServiceUnavailable)], body, parameters)
            .WithToken(document, scope);

    private static OpenApiParameter Parameter(ParameterLocation place, string name, string description, OpenApiSchema schema) =>
        new() { Name = name, In = place, Required = place == ParameterLocation.Path, Description = description, Schema = schema };
}
