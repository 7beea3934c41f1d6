using IdentityServer.Http;
using IdentityServer.Protocol;

namespace IdentityServer.UserInfo;

/// <summary>
/// The access token of a request: in the header, or in the body of a posted form (RFC 6750 §2.1, §2.2); never in the query.
/// </summary>
/// <param name="IsDpop">It comes by the scheme for tokens that are bound to a key (RFC 9449 §7.1).</param>
internal sealed record PresentedToken(string Text, bool IsDpop)
{
    private const string Bearer = TokenTypes.Bearer + " ";
    private const string Dpop = TokenTypes.Dpop + " ";

    public static async ValueTask<Result<PresentedToken>> ReadAsync(HttpContext http)
    {
        string? inBody = null;
        // A post without a body, or with one of another kind, has its token in the header.
        if (HttpMethods.IsPost(http.Request.Method) && http.Request.HasFormContentType)
        {
            var form = await OAuthForm.ReadAsync(http);
            if (form.IsRefused)
                return form.Error;
            inBody = form.Value[Parameters.AccessToken];
        }

        var headers = http.Request.Headers.Authorization;
        if (headers.Count > 1 || (headers.Count == 1 && inBody is not null))
            return Errors.AccessTokenTwice;
        if (inBody is not null)
            return new PresentedToken(inBody, IsDpop: false);
        // RFC 9110 §11.1: the scheme is case-insensitive.
        var header = headers.ToString();
        if (header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
            return new PresentedToken(header[Bearer.Length..].Trim(' '), IsDpop: false);
        if (header.StartsWith(Dpop, StringComparison.OrdinalIgnoreCase))
            return new PresentedToken(header[Dpop.Length..].Trim(' '), IsDpop: true);
        return Errors.AccessTokenMissing;
    }
}
