using IdentityServer.Http;
using IdentityServer.Protocol;

namespace IdentityServer.UserInfo;

/// <summary>The access token of a request: in the header, or in the body of a posted form (RFC 6750 §2.1, §2.2); never in the query.</summary>
internal static class PresentedToken
{
    private const string Scheme = "Bearer ";

    public static async ValueTask<Result<string>> ReadAsync(HttpContext http)
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
            return inBody;
        // RFC 9110 §11.1: the scheme is case-insensitive.
        if (headers.ToString() is not { Length: > 0 } header || !header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            return Errors.AccessTokenMissing;
        return header[Scheme.Length..].Trim(' ');
    }
}
