using Microsoft.OpenApi;
using ResourceApi.Data;
using ResourceApi.Storage;
using ResourceApi.Web;
using ServiceDefaults;
using static ResourceApi.OpenApi.Describe;

namespace ResourceApi.OpenApi;

/// <summary>Describes every route at <c>/openapi/v1.json</c>. A test compares it with the routes and with real answers.</summary>
internal static class DataApiDocument
{
    public static IServiceCollection AddDataApiDocument(this IServiceCollection services) => services.AddOpenApi("v1", options =>
    {
        // The endpoints use no model binder that could describe them, so they are described here.
        options.ShouldInclude = _ => false;
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "ResourceApi",
                Version = "v1",
                Description = "A store of texts under keys. Keys belong to the subject of the access token: nobody else sees them.",
            };
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
            {
                [BearerScheme] = new OpenApiSecurityScheme
                {
                    Type = SecuritySchemeType.Http,
                    Scheme = "bearer",
                    BearerFormat = "JWT (RFC 9068)",
                    Description = "An access token of the authorization server that /.well-known/oauth-protected-resource names.",
                },
            };
            document.Paths = Write();
            foreach (var (method, operation) in document.Paths.Where(path => path.Key.StartsWith(RawPath.Items, StringComparison.Ordinal)).SelectMany(path => path.Value.Operations!))
            {
                var scope = method == HttpMethod.Get || method == HttpMethod.Head ? DataEndpoints.ReadScope : DataEndpoints.WriteScope;
                operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(BearerScheme, document)] = [scope] }];
            }

            return Task.CompletedTask;
        });
    });

    private static OpenApiPaths Write() => new()
    {
        [RawPath.Items] = Path(
            (HttpMethod.Post, Operation("storeItem", "Stores a value under a new key.", Protected(DataEndpoints.WriteScope),
                body: Object(("key", KeySchema), ("value", ValueSchema)),
                answers:
                [
                    Success("201", "Stored.", Object(("key", KeySchema)), ETagHeader, LocationHeader),
                    Error("409", ErrorCodes.KeyExists),
                    Error("413", ErrorCodes.PayloadTooLarge),
                    Error("415", ErrorCodes.UnsupportedMediaType),
                ],
                invalid: [ErrorCodes.InvalidRequest, ErrorCodes.InvalidKey, ErrorCodes.InvalidValue])),
            (HttpMethod.Get, ListOperation("listItems")),
            (HttpMethod.Head, ListOperation("headItems"))),
        [RawPath.Items + "/{key}"] = Path(
            (HttpMethod.Get, FindOperation("getItem")),
            (HttpMethod.Head, FindOperation("headItem")),
            (HttpMethod.Put, Operation("updateItem", "Changes a key's value.", Protected(DataEndpoints.WriteScope),
                parameters: [KeyParameter, Header("If-Match", "Change only these versions; * for any."), Header("If-None-Match", "Do not change these versions.")],
                body: Object(("value", ValueSchema)),
                answers:
                [
                    Success("200", "Updated.", Object(("key", KeySchema)), ETagHeader),
                    Error("404", ErrorCodes.KeyNotFound),
                    Error("412", ErrorCodes.PreconditionFailed),
                    Error("413", ErrorCodes.PayloadTooLarge),
                    Error("415", ErrorCodes.UnsupportedMediaType),
                ],
                invalid: [ErrorCodes.InvalidRequest, ErrorCodes.InvalidKey, ErrorCodes.InvalidValue])),
            (HttpMethod.Delete, Operation("deleteItem", "Deletes a key.", Protected(DataEndpoints.WriteScope),
                parameters: [KeyParameter, Header("If-Match", "Delete only these versions; * for any."), Header("If-None-Match", "Do not delete these versions.")],
                answers:
                [
                    Success("200", "Deleted.", Object(("key", KeySchema))),
                    Error("404", ErrorCodes.KeyNotFound),
                    Error("412", ErrorCodes.PreconditionFailed),
                ],
                invalid: [ErrorCodes.InvalidRequest, ErrorCodes.InvalidKey]))),
        [HealthEndpoints.Live] = Path(
            (HttpMethod.Get, Operation("live", "Whether the program runs.", [], answers: [Success("200", "It runs.", null)])),
            (HttpMethod.Head, Operation("headLive", "Whether the program runs.", [], answers: [Success("200", "It runs.", null)]))),
        [HealthEndpoints.Ready] = Path(
            (HttpMethod.Get, ReadyOperation("ready")),
            (HttpMethod.Head, ReadyOperation("headReady"))),
        ["/.well-known/oauth-protected-resource"] = Path(
            (HttpMethod.Get, MetadataOperation("protectedResourceMetadata")),
            (HttpMethod.Head, MetadataOperation("headProtectedResourceMetadata"))),
    };

    private static OpenApiOperation ListOperation(string id) => Operation(id, "Lists keys in the order of their code points.", Protected(DataEndpoints.ReadScope),
        parameters:
        [
            Query("prefix", "Only keys that begin so.", new OpenApiSchema { Type = JsonSchemaType.String, MaxLength = ItemKey.MaximumCodePoints }),
            Query("limit", "How many, clamped to 1 to 1000.", new OpenApiSchema { Type = JsonSchemaType.Integer, Default = PageRequest.DefaultLimit }),
            Query("after", "Continue after this key.", new OpenApiSchema { Type = JsonSchemaType.String }),
        ],
        answers:
        [
            Success("200", "A page.", Object(
                ("items", new OpenApiSchema
                {
                    Type = JsonSchemaType.Array,
                    MaxItems = PageRequest.MaximumLimit,
                    Items = Object(("key", KeySchema), ("size", SizeSchema), ("created_at", TimeSchema), ("updated_at", TimeSchema)),
                }),
                ("next", new OpenApiSchema { Type = JsonSchemaType.String | JsonSchemaType.Null, Description = "null at the end." }))),
        ],
        invalid: [ErrorCodes.InvalidRequest]);

    private static OpenApiOperation FindOperation(string id) => Operation(id, "Reads the value of a key.", Protected(DataEndpoints.ReadScope),
        parameters: [KeyParameter, Header("If-None-Match", "Answer 304 for these versions."), Header("If-Match", "Answer 412 for other versions.")],
        answers:
        [
            Success("200", "Found.", Object(("key", KeySchema), ("value", ValueSchema)), ETagHeader),
            ("304", new OpenApiResponse { Description = "The caller has this version.", Headers = Headers(ETagHeader) }),
            Error("404", ErrorCodes.KeyNotFound),
            Error("412", ErrorCodes.PreconditionFailed),
        ],
        invalid: [ErrorCodes.InvalidRequest, ErrorCodes.InvalidKey]);

    private static OpenApiOperation ReadyOperation(string id) => Operation(id, "Whether the database and the issuer can be reached.", [],
        answers: [Success("200", "Ready.", null), Error("503", ErrorCodes.ServiceUnavailable)]);

    private static OpenApiOperation MetadataOperation(string id) => Operation(id, "Protected resource metadata (RFC 9728).", [],
        answers:
        [
            ("200", Json("The document.", Object(
                ("resource", Text), ("authorization_servers", Texts), ("scopes_supported", Texts), ("bearer_methods_supported", Texts)))),
        ]);
}
