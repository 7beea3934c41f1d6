using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace ServiceDefaults.Http;

/// <summary>The building blocks of an OpenAPI document: bodies, the envelope and its errors.</summary>
internal static class Describe
{
    private const string BearerScheme = "bearer";
    private const string JsonType = "application/json";

    /// <summary>The endpoints use no model binding that could be inspected, so they are described by hand.</summary>
    /// <param name="token">Which access token the API takes.</param>
    public static void AddDocument(
        this IServiceCollection services, string title, string description, string token, Func<OpenApiDocument, IServiceProvider, OpenApiPaths> write) =>
        services.AddOpenApi("v1", options =>
        {
            options.ShouldInclude = _ => false;
            options.AddDocumentTransformer((document, context, _) =>
            {
                document.Info = new OpenApiInfo { Title = title, Version = "v1", Description = description };
                document.Components ??= new OpenApiComponents();
                document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
                {
                    [BearerScheme] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", BearerFormat = "JWT (RFC 9068)", Description = token },
                };
                document.Paths = write(document, context.ApplicationServices);
                return Task.CompletedTask;
            });
        });

    public static OpenApiPathItem Path(params ReadOnlySpan<(HttpMethod Method, OpenApiOperation Operation)> operations)
    {
        var path = new OpenApiPathItem();
        foreach (var (method, operation) in operations)
            path.AddOperation(method, operation);
        return path;
    }

    /// <param name="answers">Without 413 and 415, which come with a body.</param>
    public static OpenApiOperation Operation(
        string id, string summary, (string Status, OpenApiResponse Response)[] answers, OpenApiSchema? body = null, OpenApiParameter[]? parameters = null)
    {
        var operation = new OpenApiOperation
        {
            OperationId = id,
            Summary = summary,
            Parameters = [.. parameters ?? []],
            Responses = [],
            RequestBody = body is null ? null : new OpenApiRequestBody { Required = true, Content = Content(body) },
        };
        (string Status, OpenApiResponse Response)[] ofBody = body is null ? [] : [Error(ApiErrors.PayloadTooLarge()), Error(ApiErrors.UnsupportedMediaType)];
        foreach (var (status, response) in answers.Concat(ofBody).OrderBy(answer => answer.Status, StringComparer.Ordinal))
            operation.Responses.Add(status, response);
        return operation;
    }

    public static OpenApiOperation WithToken(this OpenApiOperation operation, OpenApiDocument document, params string[] scopes)
    {
        operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(BearerScheme, document)] = [.. scopes] }];
        return operation;
    }

    /// <param name="isAlways">Whether <c>data</c> is there each time.</param>
    public static (string Status, OpenApiResponse Response) Success(
        string status, string description, OpenApiSchema? data, bool isAlways = true, params (string, OpenApiHeader)[] headers)
    {
        var envelope = Object(Required("status", Constant("success")), Required("message", Text("For people.")));
        if (data is not null)
        {
            envelope.Properties!.Add("data", data);
            if (isAlways)
                envelope.Required!.Add("data");
        }
        var response = Json(description, envelope);
        response.Headers = Headers(headers);
        return (status, response);
    }

    /// <param name="errors">Of one status.</param>
    public static (string Status, OpenApiResponse Response) Error(params ApiError[] errors)
    {
        var status = errors.Select(error => error.Status).Distinct().Single();
        var codes = errors.Select(error => error.Code).Distinct().ToArray();
        var code = new OpenApiSchema { Type = JsonSchemaType.String, Enum = [.. codes.Select(code => (JsonNode)code)] };
        var response = Json(string.Join(", ", codes) + ".", Object(Required("status", Constant("error")), Required("code", code), Required("message", Text("For people."))));
        List<(string, OpenApiHeader)> headers = [];
        if ((int)status is 401 or 403)
            headers.Add(("WWW-Authenticate", new OpenApiHeader { Description = "RFC 6750 §3.", Schema = Text("A challenge.") }));
        if (errors[0].RetryAfter is not null)
            headers.Add(("Retry-After", new OpenApiHeader { Description = "Seconds.", Schema = new OpenApiSchema { Type = JsonSchemaType.Integer } }));
        response.Headers = Headers([.. headers]);
        return (((int)status).ToString(CultureInfo.InvariantCulture), response);
    }

    public static OpenApiResponse Json(string description, OpenApiSchema schema) => new() { Description = description, Content = Content(schema) };

    public static (string Name, OpenApiSchema Schema, bool IsRequired) Required(string name, OpenApiSchema schema) => (name, schema, true);

    public static (string Name, OpenApiSchema Schema, bool IsRequired) Optional(string name, OpenApiSchema schema) => (name, schema, false);

    public static OpenApiSchema Object(params ReadOnlySpan<(string Name, OpenApiSchema Schema, bool IsRequired)> members)
    {
        var schema = new OpenApiSchema { Type = JsonSchemaType.Object, Properties = new Dictionary<string, IOpenApiSchema>(), Required = new HashSet<string>() };
        foreach (var (name, member, isRequired) in members)
        {
            schema.Properties.Add(name, member);
            if (isRequired)
                schema.Required.Add(name);
        }
        return schema;
    }

    public static OpenApiSchema Text(string? description = null, int? minimum = null, int? maximum = null) =>
        new() { Type = JsonSchemaType.String, Description = description, MinLength = minimum, MaxLength = maximum };

    public static OpenApiSchema Integer(string? description = null, int? minimum = null, int? maximum = null) =>
        new() { Type = JsonSchemaType.Integer, Format = "int32", Description = description, Minimum = minimum?.ToString(CultureInfo.InvariantCulture), Maximum = maximum?.ToString(CultureInfo.InvariantCulture) };

    public static OpenApiSchema Constant(string value) => new() { Type = JsonSchemaType.String, Enum = [value] };

    public static Dictionary<string, IOpenApiHeader>? Headers(params (string Name, OpenApiHeader Header)[] headers) =>
        headers.Length == 0 ? null : headers.ToDictionary(header => header.Name, header => (IOpenApiHeader)header.Header);

    private static Dictionary<string, OpenApiMediaType> Content(OpenApiSchema schema) => new() { [JsonType] = new OpenApiMediaType { Schema = schema } };
}
