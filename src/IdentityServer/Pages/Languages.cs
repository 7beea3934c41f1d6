using System.Globalization;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;

namespace IdentityServer.Pages;

/// <summary>Chooses the language of a page: the client's, then the browser's, then English.</summary>
internal static class Languages
{
    private const string UiLocales = "ui_locales";

    /// <summary>BCP 47; the first is English. Each has its <c>Texts.xx.resx</c>.</summary>
    public static readonly string[] Served = ["en"];

    private static readonly Dictionary<string, Texts> ByName = Served.ToDictionary(name => name, name => new Texts(CultureInfo.GetCultureInfo(name)), StringComparer.OrdinalIgnoreCase);

    public static Texts Choose(HttpContext httpContext) =>
        ByName[Choose(Served, RequestedBy(httpContext), httpContext.Request.Headers.AcceptLanguage.ToString())];

    /// <param name="served">The first is the default.</param>
    /// <param name="uiLocales">In order of preference, separated by spaces (OpenID Connect Core §3.1.2.1).</param>
    /// <param name="acceptLanguage">RFC 9110 §12.5.4.</param>
    public static string Choose(IReadOnlyList<string> served, string? uiLocales, string? acceptLanguage)
    {
        foreach (var tag in (uiLocales ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (Find(served, tag) is { } wanted)
                return wanted;
        }
        var (best, weight) = (served[0], 0.0);
        foreach (var range in (acceptLanguage ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var parts = range.Split(';', StringSplitOptions.TrimEntries);
            var quality = parts.Length < 2 ? 1
                : parts[1].StartsWith("q=", StringComparison.OrdinalIgnoreCase) && double.TryParse(parts[1].AsSpan(2), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var q) ? q : 0;
            if (quality > weight && Find(served, parts[0]) is { } wanted)
                (best, weight) = (wanted, quality);
        }
        return best;
    }

    /// <summary>RFC 4647 §3.4: the tag, then the tag without its last part, and so on.</summary>
    private static string? Find(IReadOnlyList<string> served, string tag)
    {
        for (var rest = tag.AsSpan(); rest.Length > 0; rest = rest[..Math.Max(0, rest.LastIndexOf('-'))])
        {
            foreach (var name in served)
            {
                if (rest.Equals(name, StringComparison.OrdinalIgnoreCase))
                    return name;
            }
        }
        return null;
    }

    /// <summary>From the authorization request being served or waiting.</summary>
    private static string? RequestedBy(HttpContext httpContext)
    {
        if (httpContext.Request.Query.TryGetValue(UiLocales, out var direct))
            return direct;
        // Uses the form only if it has been read: a page that refuses a body must not start reading it.
        var form = httpContext.Features.Get<IFormFeature>()?.Form;
        var waiting = form?[ReturnUrl.Parameter].ToString() is { Length: > 0 } field ? field : httpContext.Request.Query[ReturnUrl.Parameter].ToString();
        var query = waiting.IndexOf('?', StringComparison.Ordinal);
        return query < 0 ? null : QueryHelpers.ParseQuery(waiting[query..]).TryGetValue(UiLocales, out var kept) ? kept.ToString() : null;
    }
}
