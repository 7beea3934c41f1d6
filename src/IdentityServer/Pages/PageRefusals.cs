using IdentityServer.Http;

namespace IdentityServer.Pages;

/// <summary>Answers for when a page can't do its job: an error page, with a link onwards.</summary>
internal static class PageRefusals
{
    /// <summary>The texts named <paramref name="name"/> plus <c>.title</c> and <c>.text</c>.</summary>
    /// <param name="link">Where the reader can go next; null: nowhere.</param>
    /// <param name="linkText">The name of the link's text.</param>
    public static Task RefuseAsync(this PageWriter writer, HttpContext httpContext, int status, string name, string? link, TimeSpan? retryAfter = null, string linkText = "refused.link")
    {
        httpContext.Response.TellWait(retryAfter);
        var texts = Languages.Choose(httpContext);
        var model = new MessageModel(texts[$"{name}.title"], texts[$"{name}.text"], link is null ? null : new PageLink(link, texts[linkText]), IsRefusal: true);
        return writer.WritePlainAsync<MessagePage, MessageModel>(httpContext, status, model);
    }
}
