using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using IdentityServer.Http;
using Microsoft.OpenApi;

namespace IdentityServer.Accounts.Api.OpenApi;

/// <summary>The building blocks of the document: bodies, the envelope and its errors.</summary>
internal static class Describe
{
    public const string BearerScheme = "bearer";

    private const string JsonType = "application/json";

    public static (string Name, OpenApiSchema Schema, bool IsRequired) Required(string name, OpenApiSchema schema) => (name, schema, true);

    public static (string Name, OpenApiSchema Schema, bool IsRequired) Optional(string name, OpenApiSchema schema) => (name, schema, false);

    public static OpenApiSchema Text(string description, int? minimum = null, int? maximum = null) =>
        new() { Type = JsonSchemaType.String, Description = description, MinLength = minimum, MaxLength = maximum };

    public static OpenApiSchema OrNull(OpenApiSchema schema)
    {
        schema.Type |= JsonSchemaType.Null;
        return schema;
    }

    public static OpenApiSchema Constant(string value) => new() { Type = JsonSchemaType.String, Enum = [value] };

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

    public static OpenApiRequestBody Body(params ReadOnlySpan<(string Name, OpenApiSchema Schema, bool IsRequired)> members) =>
        new() { Required = true, Content = Content(Object(members)) };

    public static OpenApiPathItem Post(OpenApiOperation operation)
    {
        var path = new OpenApiPathItem();
        path.AddOperation(HttpMethod.Post, operation);
        return path;
    }

    public static OpenApiOperation Operation(string id, string summary, OpenApiRequestBody? body, params ReadOnlySpan<(string Status, OpenApiResponse Response)> answers)
    {
        var operation = new OpenApiOperation { OperationId = id, Summary = summary, RequestBody = body, Responses = [] };
        List<(string Status, OpenApiResponse Response)> all =
        [
            .. answers,
            .. body is null ? [] : ((string, OpenApiResponse)[])[Error("413", ApiErrors.PayloadTooLarge), Error("415", ApiErrors.UnsupportedMediaType)],
            Error("500", ApiErrors.InternalError),
            WithRetryAfter(Error("503", ApiErrors.ServiceUnavailable)),
        ];
        foreach (var (status, response) in all.OrderBy(answer => answer.Status, StringComparer.Ordinal))
            operation.Responses.Add(status, response);
        return operation;
    }

    public static OpenApiOperation WithToken(OpenApiDocument document, OpenApiOperation operation)
    {
        operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(BearerScheme, document)] = [] }];
        return operation;
    }

    public static (string Status, OpenApiResponse Response) Success(string status, string description, OpenApiSchema? data, bool isAlways = true)
    {
        var envelope = Object(Required("status", Constant("success")), Required("message", Text("For people.")));
        if (data is not null)
        {
            envelope.Properties!.Add("data", data);
            if (isAlways)
                envelope.Required!.Add("data");
        }
        return (status, new OpenApiResponse { Description = description, Content = Content(envelope) });
    }

    public static (string, OpenApiResponse) Bad(ApiError[] errors) => Error("400", errors);

    public static (string, OpenApiResponse) TooMany => WithRetryAfter(Error("429", ApiErrors.TooManyRequests));

    public static (string, OpenApiResponse) Unauthorized(params ApiError[] errors)
    {
        var (status, response) = Error("401", errors);
        response.Headers = new Dictionary<string, IOpenApiHeader> { ["WWW-Authenticate"] = new OpenApiHeader { Description = "With INVALID_TOKEN (RFC 6750 §3).", Schema = Text("A challenge.") } };
        return (status, response);
    }

    public static (string Status, OpenApiResponse Response) Error(string status, params ApiError[] errors)
    {
        if (errors.Any(error => error.Status != (HttpStatusCode)int.Parse(status, CultureInfo.InvariantCulture)))
            throw new ArgumentException("An error is documented with another status than its own.", nameof(errors));
        var code = new OpenApiSchema { Type = JsonSchemaType.String, Enum = [.. errors.Select(error => (JsonNode)error.Code).Distinct()] };
        return (status, new OpenApiResponse
        {
            Description = string.Join(", ", errors.Select(error => error.Code)) + ".",
            Content = Content(Object(Required("status", Constant("error")), Required("code", code), Required("message", Text("For people.")))),
        });
    }

    private static (string, OpenApiResponse) WithRetryAfter((string Status, OpenApiResponse Response) answer)
    {
        answer.Response.Headers = new Dictionary<string, IOpenApiHeader>
        {
            ["Retry-After"] = new OpenApiHeader { Description = "Seconds.", Schema = new OpenApiSchema { Type = JsonSchemaType.Integer } },
        };
        return answer;
    }

    private static Dictionary<string, OpenApiMediaType> Content(OpenApiSchema schema) => new() { [JsonType] = new OpenApiMediaType { Schema = schema } };
}
