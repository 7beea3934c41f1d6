using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using IdentityServer.Settings;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;

namespace IdentityServer.Pages;

/// <summary>
/// Writes a page with its security headers: a strict content security policy, no framing, no caching, no
/// referrer, and an antiforgery token for its forms.
/// </summary>
internal sealed class PageWriter(IAntiforgery antiforgery, BrandingSettings branding, IssuerSettings issuer, IServiceProvider services, ILoggerFactory loggers)
{
    /// <param name="leadsAway">
    /// The post of its form may redirect to a client. Chromium applies <c>form-action</c> to every redirect after a
    /// post (Content Security Policy 3 §6.3.1), including the client's own redirects to unregistered origins and schemes, so
    /// such a page has no <c>form-action</c>. We write our forms ourselves, and their posts are checked for antiforgery.
    /// </param>
    public Task WriteAsync<TPage, TModel>(HttpContext httpContext, int status, TModel model, bool leadsAway = false)
        where TPage : Page<TModel>
        where TModel : notnull =>
        WriteAsync<TPage, TModel>(httpContext, status, model, leadsAway, antiforgery.GetAndStoreTokens(httpContext));

    /// <summary>A page without forms needs neither cookies nor keys, so it works when those are unavailable.</summary>
    public Task WritePlainAsync<TPage, TModel>(HttpContext httpContext, int status, TModel model)
        where TPage : Page<TModel>
        where TModel : notnull =>
        WriteAsync<TPage, TModel>(httpContext, status, model, leadsAway: false, tokens: null);

    private async Task WriteAsync<TPage, TModel>(HttpContext httpContext, int status, TModel model, bool leadsAway, AntiforgeryTokenSet? tokens)
        where TPage : Page<TModel>
        where TModel : notnull
    {
        var nonce = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16));
        var frame = new PageFrame(nonce, tokens?.FormFieldName ?? "", tokens?.RequestToken ?? "", branding, issuer.Path, Languages.Choose(httpContext));
        var page = Encoding.UTF8.GetBytes(await RenderAsync<TPage>(new Dictionary<string, object?> { ["Frame"] = frame, ["Model"] = model }));

        var headers = httpContext.Response.Headers;
        headers.ContentSecurityPolicy =
            $"default-src 'none'; style-src 'self' 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src 'self' https: data:; "
            + $"{(leadsAway ? "" : "form-action 'self'; ")}frame-ancestors 'none'; base-uri 'none'";
        headers.XFrameOptions = "DENY";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers.CacheControl = "no-store";
        headers.ContentType = "text/html; charset=utf-8";
        headers.ContentLanguage = frame.Texts.Language;
        headers.Vary = "Accept-Language";
        headers.ContentLength = page.Length;
        httpContext.Response.StatusCode = status;
        if (!HttpMethods.IsHead(httpContext.Request.Method))
            await httpContext.Response.BodyWriter.WriteAsync(page, httpContext.RequestAborted);
    }

    /// <summary>
    /// Not RazorComponentResult, which needs the request's address, and so an acceptable Host, and the services of an
    /// interactive application.
    /// </summary>
    private async Task<string> RenderAsync<TPage>(Dictionary<string, object?> parameters)
        where TPage : IComponent
    {
        await using var renderer = new HtmlRenderer(services, loggers);
        return await renderer.Dispatcher.InvokeAsync(async () => (await renderer.RenderComponentAsync<TPage>(ParameterView.FromDictionary(parameters))).ToHtmlString());
    }
}
