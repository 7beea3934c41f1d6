using System.Text.Json;
using IdentityServer.Http;

namespace IdentityServer.Accounts;

/// <summary>
/// The members of a JSON body: one object in UTF-8, each member once, nothing after it. Unknown members are
/// ignored.
/// </summary>
internal sealed class JsonBody : IDisposable
{
    private readonly JsonDocument _document;

    private JsonBody(JsonDocument document) => _document = document;

    public static async ValueTask<ApiResult<JsonBody>> ReadAsync(HttpContext httpContext)
    {
        var (document, fault) = await JsonRequest.ReadAsync(httpContext);
        return fault switch
        {
            JsonFault.None => new JsonBody(document!),
            JsonFault.NoBody => AccountErrors.NoBody,
            JsonFault.NotJson => ApiErrors.UnsupportedMediaType,
            JsonFault.TooLarge => ApiErrors.PayloadTooLarge,
            _ => AccountErrors.MalformedJson,
        };
    }

    /// <summary>
    /// The text of a member; null if it is absent or null. False: not a string. A string with NUL is accepted here; PostgreSQL can't store it, so
    /// each field refuses it with the field's own code.
    /// </summary>
    public bool TryRead(string name, out string? text)
    {
        text = null;
        if (Find(name) is not { } member)
            return true;
        if (member.ValueKind != JsonValueKind.String)
            return false;
        try
        {
            text = member.GetString();
        }
        catch (InvalidOperationException)
        {
            // RFC 8259 §8.2: an escaped lone surrogate is not a character.
            return false;
        }
        return text is not null;
    }

    /// <summary>A member that is present and not null.</summary>
    public JsonElement? Find(string name) =>
        _document.RootElement.TryGetProperty(name, out var member) && member.ValueKind != JsonValueKind.Null ? member : null;

    public void Dispose() => _document.Dispose();
}
