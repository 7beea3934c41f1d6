using Microsoft.AspNetCore.Http.Features;

namespace ResourceApi.Web;

/// <summary>
/// Takes the key from the request line as the client sent it. ASP.NET Core's path is decoded, except for %2F, and
/// has no dot segments: keys would be ambiguous there, and <c>/api/data/%2e</c> would be another route.
/// </summary>
internal sealed class RawPath
{
    public const string Items = "/api/data";

    // What routing sees in place of the key.
    private const string Placeholder = Items + "/key";

    private RawPath(string encodedKey) => EncodedKey = encodedKey;

    /// <summary>What follows <c>/api/data/</c>, as sent; further slashes belong to the key.</summary>
    public string EncodedKey { get; }

    public static IApplicationBuilder Use(IApplicationBuilder app) => app.Use((context, next) =>
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.AsSpan();
        target = WithoutOrigin(target);
        var query = target.IndexOfAny('?', '#');
        var path = query < 0 ? target : target[..query];
        if (path.StartsWith(Items + "/", StringComparison.OrdinalIgnoreCase))
        {
            context.Features.Set(new RawPath(path[(Items.Length + 1)..].ToString()));
            context.Request.Path = Placeholder;
        }

        return next(context);
    });

    // RFC 9112 §3.2.2: a server must accept the absolute form too.
    private static ReadOnlySpan<char> WithoutOrigin(ReadOnlySpan<char> target)
    {
        var scheme = target.IndexOf("://", StringComparison.Ordinal);
        if (target.StartsWith('/') || scheme < 0)
            return target;
        var path = target[(scheme + 3)..].IndexOf('/');
        return path < 0 ? "/" : target[(scheme + 3 + path)..];
    }
}
