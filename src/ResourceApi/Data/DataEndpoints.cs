using System.Net;
using IdentityServer.ResourceServer;
using ResourceApi.Storage;
using ResourceApi.Web;
using ServiceDefaults;
using ServiceDefaults.Http;
using ServiceDefaults.Storage;

namespace ResourceApi.Data;

/// <summary>The protected data store. Each request is one statement.</summary>
internal sealed class DataEndpoints(ItemStore store, DatabaseGate queue)
{
    public const string ReadScope = "data:read";
    public const string WriteScope = "data:write";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var endpoints = routes.ServiceProvider.GetRequiredService<DataEndpoints>();
        routes.MapPost(RawPath.Items, Answer(endpoints.CreateAsync)).RequireScope(WriteScope);
        routes.MapMethods(RawPath.Items, [HttpMethods.Get, HttpMethods.Head], Answer(endpoints.ListAsync)).RequireScope(ReadScope);
        // The route value is not used: RawPath has the key as it was sent.
        routes.MapMethods(RawPath.Items + "/{key}", [HttpMethods.Get, HttpMethods.Head], Answer(endpoints.FindAsync)).RequireScope(ReadScope);
        routes.MapPut(RawPath.Items + "/{key}", Answer(endpoints.UpdateAsync)).RequireScope(WriteScope);
        routes.MapDelete(RawPath.Items + "/{key}", Answer(endpoints.DeleteAsync)).RequireScope(WriteScope);
    }

    /// <param name="endpoint">Writes its answer, or returns why it refuses.</param>
    private static RequestDelegate Answer(Func<HttpContext, Task<ApiError?>> endpoint) => async httpContext =>
    {
        if (await endpoint(httpContext) is { } refusal)
            await Envelope.ErrorAsync(httpContext, refusal);
    };

    private async Task<ApiError?> CreateAsync(HttpContext httpContext)
    {
        var (body, fault) = await JsonBody.ReadAsync(httpContext, Refusals.MaximumBody);
        if (body is null)
            return ApiErrors.Of(fault, Refusals.MaximumBody);
        using var read = body;
        if (!body.TryRead("key", out var keyText) || keyText is null || !ItemKey.TryParse(keyText, out var key))
            return Refusals.InvalidKey;
        if (!body.TryRead("value", out var valueText) || valueText is null || !ItemValue.TryParse(valueText, out var value))
            return Refusals.InvalidValue;

        using var place = queue.TryEnter();
        if (place.IsRefused)
            return Refusals.Busy;
        if (await store.TryCreateAsync(OwnerOf(httpContext), key, value, PatienceOf(httpContext)).WithinDeadline(httpContext) is not { } version)
            return Refusals.KeyExists;
        httpContext.Response.Headers.ETag = ETag.Of(version);
        httpContext.Response.Headers.Location = RawPath.Items + "/" + Uri.EscapeDataString(key.Text);
        await SayAsync(httpContext, HttpStatusCode.Created, "Data stored successfully.", key);
        return null;
    }

    private async Task<ApiError?> FindAsync(HttpContext httpContext)
    {
        if (!TryReadKey(httpContext, out var key))
            return Refusals.InvalidKey;
        using var place = queue.TryEnter();
        if (place.IsRefused)
            return Refusals.Busy;
        var item = await store.FindAsync(OwnerOf(httpContext), key).WithinDeadline(httpContext);
        if (item is null)
            return Refusals.KeyNotFound;

        var headers = httpContext.Response.Headers;
        if (ETag.Read(httpContext.Request.Headers.IfMatch, weakly: false)?.Covers(item.Version) == false)
            return Refusals.PreconditionFailed;
        headers.ETag = ETag.Of(item.Version);
        headers.CacheControl = "private, no-cache";
        if (ETag.Read(httpContext.Request.Headers.IfNoneMatch, weakly: true)?.Covers(item.Version) == true)
            httpContext.Response.StatusCode = StatusCodes.Status304NotModified;
        else
        {
            await Envelope.SuccessAsync(httpContext, HttpStatusCode.OK, "Data retrieved successfully.", (key, item), static (json, found) =>
            {
                json.WriteString("key"u8, found.key.Text);
                json.WriteString("value"u8, found.item.Value);
            });
        }
        return null;
    }

    private async Task<ApiError?> UpdateAsync(HttpContext httpContext)
    {
        if (!TryReadKey(httpContext, out var key))
            return Refusals.InvalidKey;
        var (body, fault) = await JsonBody.ReadAsync(httpContext, Refusals.MaximumBody);
        if (body is null)
            return ApiErrors.Of(fault, Refusals.MaximumBody);
        using var read = body;
        if (!body.TryRead("value", out var valueText) || valueText is null || !ItemValue.TryParse(valueText, out var value))
            return Refusals.InvalidValue;

        using var place = queue.TryEnter();
        if (place.IsRefused)
            return Refusals.Busy;
        var (match, noneMatch) = Conditions(httpContext.Request);
        var (change, version) = await store.UpdateAsync(OwnerOf(httpContext), key, value, match, noneMatch, PatienceOf(httpContext)).WithinDeadline(httpContext);
        if (change == Change.Done)
            httpContext.Response.Headers.ETag = ETag.Of(version);
        return await AnswerAsync(httpContext, change, "Data updated successfully.", key);
    }

    private async Task<ApiError?> DeleteAsync(HttpContext httpContext)
    {
        if (!TryReadKey(httpContext, out var key))
            return Refusals.InvalidKey;
        using var place = queue.TryEnter();
        if (place.IsRefused)
            return Refusals.Busy;
        var (match, noneMatch) = Conditions(httpContext.Request);
        var change = await store.DeleteAsync(OwnerOf(httpContext), key, match, noneMatch, PatienceOf(httpContext)).WithinDeadline(httpContext);
        return await AnswerAsync(httpContext, change, "Data deleted successfully.", key);
    }

    private async Task<ApiError?> ListAsync(HttpContext httpContext)
    {
        var page = PageRequest.Read(httpContext.Request.Query, out var refusal);
        if (page is null)
            return refusal;
        using var place = queue.TryEnter();
        if (place.IsRefused)
            return Refusals.Busy;

        // One more than asked, to know whether there is a next page.
        var items = await store.ListAsync(OwnerOf(httpContext), page.Prefix, page.After, page.Limit + 1, httpContext.Deadline()).WithinDeadline(httpContext);
        httpContext.Response.Headers.CacheControl = "private, no-cache";
        await Envelope.SuccessAsync(httpContext, HttpStatusCode.OK, "Data listed successfully.", (items, page.Limit), static (json, found) =>
        {
            var hasMore = found.items.Count > found.Limit;
            var count = hasMore ? found.Limit : found.items.Count;
            json.WriteStartArray("items"u8);
            for (var i = 0; i < count; i++)
            {
                var item = found.items[i];
                json.WriteStartObject();
                json.WriteString("key"u8, item.Key);
                json.WriteNumber("size"u8, item.Size);
                json.WriteString("created_at"u8, item.CreatedAt);
                json.WriteString("updated_at"u8, item.UpdatedAt);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteString("next"u8, hasMore ? found.items[count - 1].Key : null);
        });
        return null;
    }

    private static async Task<ApiError?> AnswerAsync(HttpContext httpContext, Change change, string message, ItemKey key)
    {
        if (change != Change.Done)
            return change == Change.PreconditionFailed ? Refusals.PreconditionFailed : Refusals.KeyNotFound;
        await SayAsync(httpContext, HttpStatusCode.OK, message, key);
        return null;
    }

    private static Task SayAsync(HttpContext httpContext, HttpStatusCode status, string message, ItemKey key) =>
        Envelope.SuccessAsync(httpContext, status, message, key, static (json, key) => json.WriteString("key"u8, key.Text));

    private static bool TryReadKey(HttpContext httpContext, out ItemKey key)
    {
        key = default;
        // No RawPath: the path became ours only by normalising (/x/../api/data/y), so there is no key as sent.
        return httpContext.Features.Get<RawPath>() is { } path && ItemKey.TryParseEncoded(path.EncodedKey, out key);
    }

    private static (Condition? Match, Condition? NoneMatch) Conditions(HttpRequest request) =>
        (ETag.Read(request.Headers.IfMatch, weakly: false), ETag.Read(request.Headers.IfNoneMatch, weakly: true));

    private static Patience PatienceOf(HttpContext httpContext) => new(httpContext.RequestAborted, httpContext.Deadline());

    private static string OwnerOf(HttpContext httpContext) => Owner.Of(httpContext.RequireAccessToken());
}
