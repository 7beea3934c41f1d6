using IdentityServer.Http;

namespace IdentityServer.Pages;

/// <summary>What a page answers where it can't do what it is for: a page of its own, with a way on.</summary>
internal static class PageRefusals
{
    /// <summary>The text named <paramref name="name"/> with <c>.title</c> and <c>.text</c> behind it.</summary>
    /// <param name="link">Where the reader may go on; null: nowhere.</param>
    /// <param name="linkText">The name of what stands there.</param>
    public static Task RefuseAsync(this PageWriter writer, HttpContext http, int status, string name, string? link, TimeSpan? retryAfter = null, string linkText = "refused.link")
    {
        http.Response.TellWait(retryAfter);
        var texts = Languages.Choose(http);
        var model = new MessageModel(texts[$"{name}.title"], texts[$"{name}.text"], link is null ? null : new PageLink(link, texts[linkText]), IsRefusal: true);
        return writer.WritePlainAsync<MessagePage, MessageModel>(http, status, model);
    }
}
