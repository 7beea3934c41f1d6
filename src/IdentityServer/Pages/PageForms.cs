using IdentityServer.Http;
using IdentityServer.Protocol;
using IdentityServer.Settings;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http.Features;

namespace IdentityServer.Pages;

/// <summary>The fields of a posted form. Each occurs at most once; missing fields are empty.</summary>
internal sealed class PageForm(IFormCollection fields, string pathBase)
{
    public string this[string name] => fields[name].ToString();

    public bool IsChecked(string name) => fields.ContainsKey(name);

    /// <summary>Validated: one of our relative addresses, or null.</summary>
    public string? ReturnUrl { get; } = Pages.ReturnUrl.Check(fields[Pages.ReturnUrl.Parameter], pathBase);
}

/// <summary>
/// Reads the posts of our own pages: a form within its limits, each field once, with the antiforgery token that the page was given.
/// </summary>
internal sealed class PageForms(IAntiforgery antiforgery, PageWriter pages, IssuerSettings issuer)
{
    private static readonly FormOptions Limits = new()
    {
        ValueCountLimit = 100,
        KeyLengthLimit = 200,
        ValueLengthLimit = OAuthParameters.MaximumBodyLength,
    };

    /// <summary>Null: the post was refused, and the error page has been written.</summary>
    public async ValueTask<PageForm?> ReadAsync(HttpContext httpContext)
    {
        var feature = new FormFeature(httpContext.Request, Limits);
        // UTF-8 only: the framework's reader throws on UTF-7, and accepts a header with two types if the first is a form.
        if (!OAuthForm.IsForm(httpContext.Request.ContentType) || !feature.HasFormContentType)
            return await RefuseAsync(httpContext, StatusCodes.Status415UnsupportedMediaType, "malformed");
        if (httpContext.Request.ContentLength > OAuthParameters.MaximumBodyLength)
            return await RefuseAsync(httpContext, StatusCodes.Status413PayloadTooLarge, "too_large");
        if (httpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = OAuthParameters.MaximumBodyLength;

        IFormCollection fields;
        try
        {
            httpContext.Features.Set<IFormFeature>(feature);
            fields = await feature.ReadFormAsync(httpContext.RequestAborted);
        }
        catch (InvalidDataException)
        {
            return await RefuseAsync(httpContext, StatusCodes.Status400BadRequest, "malformed");
        }
        foreach (var (_, values) in fields)
        {
            // PostgreSQL can't store NUL.
            if (values.Count > 1 || values.ToString().Contains('\0', StringComparison.Ordinal))
                return await RefuseAsync(httpContext, StatusCodes.Status400BadRequest, "malformed");
        }
        if (!await antiforgery.IsRequestValidAsync(httpContext))
            return await RefuseAsync(httpContext, StatusCodes.Status400BadRequest, "out_of_date");
        return new PageForm(fields, issuer.Path);
    }

    /// <summary>The link leads to a fresh copy of the page.</summary>
    private async ValueTask<PageForm?> RefuseAsync(HttpContext httpContext, int status, string name)
    {
        var returnUrl = httpContext.Features.Get<IFormFeature>()?.Form?[ReturnUrl.Parameter].ToString() is { Length: > 0 } kept ? ReturnUrl.Check(kept, issuer.Path) : null;
        await pages.RefuseAsync(httpContext, status, name, ReturnUrl.Add(issuer.Path + httpContext.Request.Path, returnUrl));
        return null;
    }
}
