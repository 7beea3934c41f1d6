using System.Security.Cryptography;
using System.Text;
using IdentityServer.Settings;
using Jose;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;

namespace IdentityServer.Pages;

/// <summary>
/// Writes a page with what keeps it from being misused: a strict content security policy, no framing, no caching, no
/// referrer, and an antiforgery token for its forms.
/// </summary>
internal sealed class PageWriter(IAntiforgery antiforgery, BrandingSettings branding, IssuerSettings issuer, IServiceProvider services, ILoggerFactory loggers)
{
    /// <param name="formTarget">
    /// A source of the policy's <c>form-action</c> beside ourselves, such as <c>https://app.example.com</c> or <c>com.example.app:</c>:
    /// browsers hold it against the redirects that follow a post too.
    /// </param>
    public Task WriteAsync<TPage, TModel>(HttpContext http, int status, TModel model, string? formTarget = null)
        where TPage : Page<TModel>
        where TModel : notnull =>
        WriteAsync<TPage, TModel>(http, status, model, formTarget, antiforgery.GetAndStoreTokens(http));

    /// <summary>A page without any form: it needs neither cookies nor keys, and so can tell of their being away.</summary>
    public Task WritePlainAsync<TPage, TModel>(HttpContext http, int status, TModel model)
        where TPage : Page<TModel>
        where TModel : notnull =>
        WriteAsync<TPage, TModel>(http, status, model, formTarget: null, tokens: null);

    private async Task WriteAsync<TPage, TModel>(HttpContext http, int status, TModel model, string? formTarget, AntiforgeryTokenSet? tokens)
        where TPage : Page<TModel>
        where TModel : notnull
    {
        var nonce = Base64Url.Encode(RandomNumberGenerator.GetBytes(16));
        var frame = new PageFrame(nonce, tokens?.FormFieldName ?? "", tokens?.RequestToken ?? "", branding, issuer.Path, Languages.Choose(http));
        var page = Encoding.UTF8.GetBytes(await RenderAsync<TPage>(new Dictionary<string, object?> { ["Frame"] = frame, ["Model"] = model }));

        var headers = http.Response.Headers;
        headers.ContentSecurityPolicy =
            $"default-src 'none'; style-src 'self' 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src 'self' https: data:; "
            + $"form-action 'self'{(formTarget is null ? "" : " " + formTarget)}; frame-ancestors 'none'; base-uri 'none'";
        headers.XFrameOptions = "DENY";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers.CacheControl = "no-store";
        headers.ContentType = "text/html; charset=utf-8";
        headers.ContentLanguage = frame.Texts.Language;
        headers.Vary = "Accept-Language";
        headers.ContentLength = page.Length;
        http.Response.StatusCode = status;
        if (!HttpMethods.IsHead(http.Request.Method))
            await http.Response.BodyWriter.WriteAsync(page, http.RequestAborted);
    }

    /// <summary>
    /// Not by RazorComponentResult, which needs the request's address, and so a Host that it likes, and services of an
    /// interactive application.
    /// </summary>
    private async Task<string> RenderAsync<TPage>(Dictionary<string, object?> parameters)
        where TPage : IComponent
    {
        await using var renderer = new HtmlRenderer(services, loggers);
        return await renderer.Dispatcher.InvokeAsync(async () => (await renderer.RenderComponentAsync<TPage>(ParameterView.FromDictionary(parameters))).ToHtmlString());
    }
}
