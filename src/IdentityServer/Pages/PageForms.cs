using IdentityServer.Http;
using IdentityServer.Protocol;
using IdentityServer.Settings;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http.Features;

namespace IdentityServer.Pages;

/// <summary>The fields of a form that was posted. Each occurs at most once; what the form does not hold is empty.</summary>
internal sealed class PageForm(IFormCollection fields, string pathBase)
{
    public string this[string name] => fields[name].ToString();

    public bool IsChecked(string name) => fields.ContainsKey(name);

    /// <summary>Checked: a relative address of ours, or null.</summary>
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

    /// <summary>Null: the post is refused, and the page that says so is written.</summary>
    public async ValueTask<PageForm?> ReadAsync(HttpContext http)
    {
        var feature = new FormFeature(http.Request, Limits);
        // In UTF-8 only: the framework's reader throws at UTF-7, and takes what two types in one header begin with for a form.
        if (!OAuthForm.IsForm(http.Request.ContentType) || !feature.HasFormContentType)
            return await RefuseAsync(http, StatusCodes.Status415UnsupportedMediaType, "malformed");
        if (http.Request.ContentLength > OAuthParameters.MaximumBodyLength)
            return await RefuseAsync(http, StatusCodes.Status413PayloadTooLarge, "too_large");
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = OAuthParameters.MaximumBodyLength;

        IFormCollection fields;
        try
        {
            http.Features.Set<IFormFeature>(feature);
            fields = await feature.ReadFormAsync(http.RequestAborted);
        }
        catch (InvalidDataException)
        {
            return await RefuseAsync(http, StatusCodes.Status400BadRequest, "malformed");
        }
        foreach (var (_, values) in fields)
        {
            // PostgreSQL stores no NUL.
            if (values.Count > 1 || values.ToString().Contains('\0', StringComparison.Ordinal))
                return await RefuseAsync(http, StatusCodes.Status400BadRequest, "malformed");
        }
        if (!await antiforgery.IsRequestValidAsync(http))
            return await RefuseAsync(http, StatusCodes.Status400BadRequest, "out_of_date");
        return new PageForm(fields, issuer.Path);
    }

    /// <summary>The way on is the page itself, fresh.</summary>
    private async ValueTask<PageForm?> RefuseAsync(HttpContext http, int status, string name)
    {
        var returnUrl = http.Features.Get<IFormFeature>()?.Form?[ReturnUrl.Parameter].ToString() is { Length: > 0 } kept ? ReturnUrl.Check(kept, issuer.Path) : null;
        await pages.RefuseAsync(http, status, name, ReturnUrl.Add(issuer.Path + http.Request.Path, returnUrl));
        return null;
    }
}
