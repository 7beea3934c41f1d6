using IdentityServer.ResourceServer;
using ResourceApi.Storage;
using ResourceApi.Web;
using ServiceDefaults;
using ServiceDefaults.Storage;

namespace ResourceApi.Data;

/// <summary>Contract section 4: the protected data store. Each request is one statement.</summary>
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

    private async Task CreateAsync(HttpContext context)
    {
        var ct = context.RequestAborted;
        var (body, refusal) = await JsonBody.ReadAsync(context.Request, ct);
        if (body is null)
        {
            await Envelope.RefuseAsync(context, refusal!);
            return;
        }

        using (body)
        {
            if (JsonBody.FindText(body, "key") is not { } keyText || !ItemKey.TryParse(keyText, out var key))
            {
                await Envelope.RefuseAsync(context, Refusal.InvalidKey);
                return;
            }

            if (JsonBody.FindText(body, "value") is not { } valueText || !ItemValue.TryParse(valueText, out var value))
            {
                await Envelope.RefuseAsync(context, Refusal.InvalidValue);
                return;
            }

            using var place = queue.TryEnter();
            if (place.IsRefused)
            {
                await Envelope.RefuseAsync(context, Refusal.Busy);
                return;
            }

            if (await store.TryCreateAsync(OwnerOf(context), key, value, PatienceOf(context)).WithinDeadline(context) is not { } version)
                await Envelope.RefuseAsync(context, Refusal.KeyExists);
            else
            {
                context.Response.Headers.ETag = ETag.Of(version);
                context.Response.Headers.Location = RawPath.Items + "/" + Uri.EscapeDataString(key.Text);
                await SayAsync(context, StatusCodes.Status201Created, "Data stored successfully.", key);
            }
        }
    }

    private async Task FindAsync(HttpContext context)
    {
        if (!TryReadKey(context, out var key))
        {
            await Envelope.RefuseAsync(context, Refusal.InvalidKey);
            return;
        }

        using var place = queue.TryEnter();
        if (place.IsRefused)
        {
            await Envelope.RefuseAsync(context, Refusal.Busy);
            return;
        }

        var item = await store.FindAsync(OwnerOf(context), key).WithinDeadline(context);
        if (item is null)
        {
            await Envelope.RefuseAsync(context, Refusal.KeyNotFound);
            return;
        }

        var headers = context.Response.Headers;
        headers.ETag = ETag.Of(item.Version);
        headers.CacheControl = "private, no-cache";
        if (ETag.Read(context.Request.Headers.IfMatch, weakly: false)?.Covers(item.Version) == false)
        {
            headers.ETag = default;
            await Envelope.RefuseAsync(context, Refusal.PreconditionFailed);
        }
        else if (ETag.Read(context.Request.Headers.IfNoneMatch, weakly: true)?.Covers(item.Version) == true)
            context.Response.StatusCode = StatusCodes.Status304NotModified;
        else
        {
            await Envelope.WriteAsync(context, StatusCodes.Status200OK, "Data retrieved successfully.", (key, item), static (writer, found) =>
            {
                writer.WriteStartObject();
                writer.WriteString("key"u8, found.key.Text);
                writer.WriteString("value"u8, found.item.Value);
                writer.WriteEndObject();
            });
        }
    }

    private async Task UpdateAsync(HttpContext context)
    {
        var ct = context.RequestAborted;
        if (!TryReadKey(context, out var key))
        {
            await Envelope.RefuseAsync(context, Refusal.InvalidKey);
            return;
        }

        var (body, refusal) = await JsonBody.ReadAsync(context.Request, ct);
        if (body is null)
        {
            await Envelope.RefuseAsync(context, refusal!);
            return;
        }

        using (body)
        {
            if (JsonBody.FindText(body, "value") is not { } valueText || !ItemValue.TryParse(valueText, out var value))
            {
                await Envelope.RefuseAsync(context, Refusal.InvalidValue);
                return;
            }

            using var place = queue.TryEnter();
            if (place.IsRefused)
            {
                await Envelope.RefuseAsync(context, Refusal.Busy);
                return;
            }

            var (match, noneMatch) = Conditions(context.Request);
            var (change, version) = await store.UpdateAsync(OwnerOf(context), key, value, match, noneMatch, PatienceOf(context)).WithinDeadline(context);
            if (change == Change.Done)
                context.Response.Headers.ETag = ETag.Of(version);
            await AnswerAsync(context, change, "Data updated successfully.", key);
        }
    }

    private async Task DeleteAsync(HttpContext context)
    {
        if (!TryReadKey(context, out var key))
        {
            await Envelope.RefuseAsync(context, Refusal.InvalidKey);
            return;
        }

        using var place = queue.TryEnter();
        if (place.IsRefused)
        {
            await Envelope.RefuseAsync(context, Refusal.Busy);
            return;
        }

        var (match, noneMatch) = Conditions(context.Request);
        var change = await store.DeleteAsync(OwnerOf(context), key, match, noneMatch, PatienceOf(context)).WithinDeadline(context);
        await AnswerAsync(context, change, "Data deleted successfully.", key);
    }

    private async Task ListAsync(HttpContext context)
    {
        var page = PageRequest.Read(context.Request.Query, out var refusal);
        if (page is null)
        {
            await Envelope.RefuseAsync(context, refusal!);
            return;
        }

        using var place = queue.TryEnter();
        if (place.IsRefused)
        {
            await Envelope.RefuseAsync(context, Refusal.Busy);
            return;
        }

        // One more than asked tells whether there is a next page.
        var items = await store.ListAsync(OwnerOf(context), page.Prefix, page.After, page.Limit + 1, context.Deadline()).WithinDeadline(context);
        context.Response.Headers.CacheControl = "private, no-cache";
        await Envelope.WriteAsync(context, StatusCodes.Status200OK, "Data listed successfully.", (items, page.Limit), static (writer, found) =>
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

    private static Task AnswerAsync(HttpContext context, Change change, string message, ItemKey key) => change switch
    {
        Change.Done => SayAsync(context, StatusCodes.Status200OK, message, key),
        Change.PreconditionFailed => Envelope.RefuseAsync(context, Refusal.PreconditionFailed),
        _ => Envelope.RefuseAsync(context, Refusal.KeyNotFound),
    };

    private static Task SayAsync(HttpContext context, int status, string message, ItemKey key)
    {
        context.Response.Headers.CacheControl = "no-store";
        return Envelope.WriteAsync(context, status, message, key, static (writer, key) =>
        {
            writer.WriteStartObject();
            writer.WriteString("key"u8, key.Text);
            writer.WriteEndObject();
        });
    }

    private static bool TryReadKey(HttpContext context, out ItemKey key)
    {
        key = default;
        // No RawPath: the path became ours by normalising only (/x/../api/data/y), so there is no key as sent.
        return context.Features.Get<RawPath>() is { } path && ItemKey.TryParseEncoded(path.EncodedKey, out key);
    }

    private static (Condition? Match, Condition? NoneMatch) Conditions(HttpRequest request) =>
        (ETag.Read(request.Headers.IfMatch, weakly: false), ETag.Read(request.Headers.IfNoneMatch, weakly: true));

    private static Patience PatienceOf(HttpContext context) => new(context.RequestAborted, context.Deadline());

    private static string OwnerOf(HttpContext context) => Owner.Of(context.RequireAccessToken());
}
