using IdentityServer.ResourceServer;
using ResourceApi.Storage;
using ResourceApi.Web;
using ServiceDefaults;
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
        routes.MapPost(RawPath.Items, endpoints.CreateAsync).RequireScope(WriteScope);
        routes.MapMethods(RawPath.Items, [HttpMethods.Get, HttpMethods.Head], endpoints.ListAsync).RequireScope(ReadScope);
        // The route value is not used: RawPath has the key as it was sent.
        routes.MapMethods(RawPath.Items + "/{key}", [HttpMethods.Get, HttpMethods.Head], endpoints.FindAsync).RequireScope(ReadScope);
        routes.MapPut(RawPath.Items + "/{key}", endpoints.UpdateAsync).RequireScope(WriteScope);
        routes.MapDelete(RawPath.Items + "/{key}", endpoints.DeleteAsync).RequireScope(WriteScope);
    }

    private async Task CreateAsync(HttpContext httpContext)
    {
        var ct = httpContext.RequestAborted;
        var (body, refusal) = await JsonBody.ReadAsync(httpContext.Request, ct);
        if (body is null)
        {
            await Envelope.RefuseAsync(httpContext, refusal!);
            return;
        }

        using (body)
        {
            if (JsonBody.FindText(body, "key") is not { } keyText || !ItemKey.TryParse(keyText, out var key))
            {
                await Envelope.RefuseAsync(httpContext, Refusal.InvalidKey);
                return;
            }

            if (JsonBody.FindText(body, "value") is not { } valueText || !ItemValue.TryParse(valueText, out var value))
            {
                await Envelope.RefuseAsync(httpContext, Refusal.InvalidValue);
                return;
            }

            using var place = queue.TryEnter();
            if (place.IsRefused)
            {
                await Envelope.RefuseAsync(httpContext, Refusal.Busy);
                return;
            }

            if (await store.TryCreateAsync(OwnerOf(httpContext), key, value, PatienceOf(httpContext)).WithinDeadline(httpContext) is not { } version)
                await Envelope.RefuseAsync(httpContext, Refusal.KeyExists);
            else
            {
                httpContext.Response.Headers.ETag = ETag.Of(version);
                httpContext.Response.Headers.Location = RawPath.Items + "/" + Uri.EscapeDataString(key.Text);
                await SayAsync(httpContext, StatusCodes.Status201Created, "Data stored successfully.", key);
            }
        }
    }

    private async Task FindAsync(HttpContext httpContext)
    {
        if (!TryReadKey(httpContext, out var key))
        {
            await Envelope.RefuseAsync(httpContext, Refusal.InvalidKey);
            return;
        }

        using var place = queue.TryEnter();
        if (place.IsRefused)
        {
            await Envelope.RefuseAsync(httpContext, Refusal.Busy);
            return;
        }

        var item = await store.FindAsync(OwnerOf(httpContext), key).WithinDeadline(httpContext);
        if (item is null)
        {
            await Envelope.RefuseAsync(httpContext, Refusal.KeyNotFound);
            return;
        }

        var headers = httpContext.Response.Headers;
        headers.ETag = ETag.Of(item.Version);
        headers.CacheControl = "private, no-cache";
        if (ETag.Read(httpContext.Request.Headers.IfMatch, weakly: false)?.Covers(item.Version) == false)
        {
            headers.ETag = default;
            await Envelope.RefuseAsync(httpContext, Refusal.PreconditionFailed);
        }
        else if (ETag.Read(httpContext.Request.Headers.IfNoneMatch, weakly: true)?.Covers(item.Version) == true)
            httpContext.Response.StatusCode = StatusCodes.Status304NotModified;
        else
        {
            await Envelope.WriteAsync(httpContext, StatusCodes.Status200OK, "Data retrieved successfully.", (key, item), static (writer, found) =>
            {
                writer.WriteStartObject();
                writer.WriteString("key"u8, found.key.Text);
                writer.WriteString("value"u8, found.item.Value);
                writer.WriteEndObject();
            });
        }
    }

    private async Task UpdateAsync(HttpContext httpContext)
    {
        var ct = httpContext.RequestAborted;
        if (!TryReadKey(httpContext, out var key))
        {
            await Envelope.RefuseAsync(httpContext, Refusal.InvalidKey);
            return;
        }

        var (body, refusal) = await JsonBody.ReadAsync(httpContext.Request, ct);
        if (body is null)
        {
            await Envelope.RefuseAsync(httpContext, refusal!);
            return;
        }

        using (body)
        {
            if (JsonBody.FindText(body, "value") is not { } valueText || !ItemValue.TryParse(valueText, out var value))
            {
                await Envelope.RefuseAsync(httpContext, Refusal.InvalidValue);
                return;
            }

            using var place = queue.TryEnter();
            if (place.IsRefused)
            {
                await Envelope.RefuseAsync(httpContext, Refusal.Busy);
                return;
            }

            var (match, noneMatch) = Conditions(httpContext.Request);
            var (change, version) = await store.UpdateAsync(OwnerOf(httpContext), key, value, match, noneMatch, PatienceOf(httpContext)).WithinDeadline(httpContext);
            if (change == Change.Done)
                httpContext.Response.Headers.ETag = ETag.Of(version);
            await AnswerAsync(httpContext, change, "Data updated successfully.", key);
        }
    }

    private async Task DeleteAsync(HttpContext httpContext)
    {
        if (!TryReadKey(httpContext, out var key))
        {
            await Envelope.RefuseAsync(httpContext, Refusal.InvalidKey);
            return;
        }

        using var place = queue.TryEnter();
        if (place.IsRefused)
        {
            await Envelope.RefuseAsync(httpContext, Refusal.Busy);
            return;
        }

        var (match, noneMatch) = Conditions(httpContext.Request);
        var change = await store.DeleteAsync(OwnerOf(httpContext), key, match, noneMatch, PatienceOf(httpContext)).WithinDeadline(httpContext);
        await AnswerAsync(httpContext, change, "Data deleted successfully.", key);
    }

    private async Task ListAsync(HttpContext httpContext)
    {
        var page = PageRequest.Read(httpContext.Request.Query, out var refusal);
        if (page is null)
        {
            await Envelope.RefuseAsync(httpContext, refusal!);
            return;
        }

        using var place = queue.TryEnter();
        if (place.IsRefused)
        {
            await Envelope.RefuseAsync(httpContext, Refusal.Busy);
            return;
        }

        // One more than asked, to know whether there is a next page.
        var items = await store.ListAsync(OwnerOf(httpContext), page.Prefix, page.After, page.Limit + 1, httpContext.Deadline()).WithinDeadline(httpContext);
        httpContext.Response.Headers.CacheControl = "private, no-cache";
        await Envelope.WriteAsync(httpContext, StatusCodes.Status200OK, "Data listed successfully.", (items, page.Limit), static (writer, found) =>
        {
            var hasMore = found.items.Count > found.Limit;
            var count = hasMore ? found.Limit : found.items.Count;
            writer.WriteStartObject();
            writer.WriteStartArray("items"u8);
            for (var i = 0; i < count; i++)
            {
                var item = found.items[i];
                writer.WriteStartObject();
                writer.WriteString("key"u8, item.Key);
                writer.WriteNumber("size"u8, item.Size);
                writer.WriteString("created_at"u8, item.CreatedAt);
                writer.WriteString("updated_at"u8, item.UpdatedAt);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteString("next"u8, hasMore ? found.items[count - 1].Key : null);
            writer.WriteEndObject();
        });
    }

    private static Task AnswerAsync(HttpContext httpContext, Change change, string message, ItemKey key) => change switch
    {
        Change.Done => SayAsync(httpContext, StatusCodes.Status200OK, message, key),
        Change.PreconditionFailed => Envelope.RefuseAsync(httpContext, Refusal.PreconditionFailed),
        _ => Envelope.RefuseAsync(httpContext, Refusal.KeyNotFound),
    };

    private static Task SayAsync(HttpContext httpContext, int status, string message, ItemKey key)
    {
        httpContext.Response.Headers.CacheControl = "no-store";
        return Envelope.WriteAsync(httpContext, status, message, key, static (writer, key) =>
        {
            writer.WriteStartObject();
            writer.WriteString("key"u8, key.Text);
            writer.WriteEndObject();
        });
    }

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
