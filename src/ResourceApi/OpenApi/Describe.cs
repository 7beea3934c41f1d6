using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using ResourceApi.Storage;
using ResourceApi.Web;

namespace ResourceApi.OpenApi;

/// <summary>What the document is built from: the envelope, its errors and a few schemas.</summary>
internal static class Describe
{
    public const string BearerScheme = "bearer";

    private const string JsonType = "application/json";

    public static OpenApiSchema Text => new() { Type = JsonSchemaType.String };

    public static OpenApiSchema Texts => new() { Type = JsonSchemaType.Array, Items = Text };

    public static OpenApiSchema KeySchema => new()
    {
        Type = JsonSchemaType.String,
        MinLength = 1,
        MaxLength = ItemKey.MaximumCodePoints,
        Description = "1 to 256 code points, no control characters, not . or ..",
    };

    public static OpenApiSchema ValueSchema => new()
    {
        Type = JsonSchemaType.String,
        MaxLength = ItemValue.MaximumLength,
        Description = "At most 65536 bytes of UTF-8, without NUL and lone surrogates.",
    };

    public static OpenApiSchema SizeSchema => new() { Type = JsonSchemaType.Integer, Format = "int32", Description = "Bytes of the value in UTF-8." };

    public static OpenApiSchema TimeSchema => new() { Type = JsonSchemaType.String, Format = "date-time" };

    public static (string, OpenApiHeader) ETagHeader => ("ETag", new OpenApiHeader { Description = "The version, for If-Match.", Schema = Text });

    public static (string, OpenApiHeader) LocationHeader => ("Location", new OpenApiHeader { Description = "Where the item is.", Schema = Text });

    public static OpenApiParameter KeyParameter => new()
    {
        Name = "key",
        In = ParameterLocation.Path,
        Required = true,
        Description = "Percent-encoded once, including / and %.",
        Schema = KeySchema,
    };

    public static OpenApiParameter Query(string name, string description, OpenApiSchema schema) =>
        new() { Name = name, In = ParameterLocation.Query, Description = description, Schema = schema };

    public static OpenApiParameter Header(string name, string description) =>
        new() { Name = name, In = ParameterLocation.Header, Description = description, Schema = Text };

    public static OpenApiSchema Object(params ReadOnlySpan<(string Name, OpenApiSchema Schema)> members)
    {
        var schema = new OpenApiSchema { Type = JsonSchemaType.Object, Properties = new Dictionary<string, IOpenApiSchema>(), Required = new HashSet<string>() };
        foreach (var (name, member) in members)
        {
            schema.Properties.Add(name, member);
            schema.Required.Add(name);
        }

        return schema;
    }

    public static OpenApiPathItem Path(params ReadOnlySpan<(HttpMethod Method, OpenApiOperation Operation)> operations)
    {
        var path = new OpenApiPathItem();
        foreach (var (method, operation) in operations)
            path.AddOperation(method, operation);
        return path;
    }

    /// <summary>An operation; <paramref name="invalid"/> are the codes of its 400.</summary>
    public static OpenApiOperation Operation(
        string id, string summary, (string Status, OpenApiResponse Response)[] common, (string Status, OpenApiResponse Response)[] answers,
        OpenApiParameter[]? parameters = null, OpenApiSchema? body = null, string[]? invalid = null)
    {
        var operation = new OpenApiOperation
        {
            OperationId = id,
            Summary = summary,
            Parameters = [.. parameters ?? []],
            Responses = [],
            RequestBody = body is null ? null : new OpenApiRequestBody { Required = true, Content = Content(body) },
        };
        (string Status, OpenApiResponse Response)[] malformed = invalid is null ? [] : [Error("400", invalid)];
        foreach (var (status, response) in answers.Concat(common).Concat(malformed).OrderBy(answer => answer.Status, StringComparer.Ordinal))
            operation.Responses.Add(status, response);
        return operation;
    }

    /// <summary>What every operation that takes a token and asks the database may answer.</summary>
    public static (string, OpenApiResponse)[] Protected(string scope)
    {
        var unauthorized = Error("401", ErrorCodes.InvalidToken);
        var forbidden = Error("403", ErrorCodes.InsufficientScope);
        forbidden.Response.Description += $" The token lacks the scope {scope}.";
        var challenge = new OpenApiHeader { Description = "RFC 6750 §3.", Schema = Text };
        unauthorized.Response.Headers = Headers(("WWW-Authenticate", challenge));
        forbidden.Response.Headers = Headers(("WWW-Authenticate", challenge));
        return [unauthorized, forbidden, Error("500", ErrorCodes.InternalError), Error("503", ErrorCodes.ServiceUnavailable)];
    }

    public static (string, OpenApiResponse) Success(string status, string description, OpenApiSchema? data, params (string, OpenApiHeader)[] headers)
    {
        var envelope = Object(("status", Constant("success")), ("message", Text));
        if (data is not null)
        {
            envelope.Properties!.Add("data", data);
            envelope.Required!.Add("data");
        }

        var response = Json(description, envelope);
        response.Headers = Headers(headers);
        return (status, response);
    }

    public static (string Status, OpenApiResponse Response) Error(string status, params string[] codes)
    {
        var code = Text;
        code.Enum = [.. codes.Select(value => (JsonNode)value)];
        var response = Json(string.Join(", ", codes) + ".", Object(("status", Constant("error")), ("code", code), ("message", Text)));
        if (status == "503")
            response.Headers = Headers(("Retry-After", new OpenApiHeader { Description = "Seconds.", Schema = new OpenApiSchema { Type = JsonSchemaType.Integer } }));
        return (status, response);
    }

    public static OpenApiResponse Json(string description, OpenApiSchema schema) => new() { Description = description, Content = Content(schema) };

    public static Dictionary<string, IOpenApiHeader>? Headers(params (string Name, OpenApiHeader Header)[] headers) =>
        headers.Length == 0 ? null : headers.ToDictionary(header => header.Name, header => (IOpenApiHeader)header.Header);

    private static OpenApiSchema Constant(string value) => new() { Type = JsonSchemaType.String, Enum = [value] };

    private static Dictionary<string, OpenApiMediaType> Content(OpenApiSchema schema) => new() { [JsonType] = new OpenApiMediaType { Schema = schema } };
}
