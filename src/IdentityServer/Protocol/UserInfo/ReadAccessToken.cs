using IdentityServer.Http;
using IdentityServer.Protocol.Pipeline;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.UserInfo;

/// <summary>
/// Reads the access token from the header, with either scheme, or from a posted form (RFC 6750 §2.1, §2.2, RFC 9449 §7.1), but never
/// from the query, as OpenIddict would.
/// </summary>
internal sealed class ReadAccessToken : IOpenIddictServerHandler<ExtractUserInfoRequestContext>
{
    private const string Bearer = TokenTypes.Bearer + " ";
    private const string Dpop = TokenTypes.Dpop + " ";

    public async ValueTask HandleAsync(ExtractUserInfoRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        var token = await ReadAsync(request);
        if (token.IsRefused)
            request.Refuse(context, token.Error);
        else
            context.Transaction.Request = new OpenIddictRequest { AccessToken = token.Value };
    }

    private static async ValueTask<Result<string>> ReadAsync(ProtocolRequest request)
    {
        string? inBody = null;
        // A post without a form has its token in the header.
        if (HttpMethods.IsPost(request.Http.Request.Method) && request.Http.Request.HasFormContentType)
        {
            var form = await OAuthForm.ReadAsync(request.Http);
            if (form.IsRefused)
                return form.Error;
            inBody = form.Value[Parameters.AccessToken];
        }
        var headers = request.Http.Request.Headers.Authorization;
        if (headers.Count > 1 || (headers.Count == 1 && inBody is not null))
            return Errors.AccessTokenTwice;
        // RFC 9110 §11.1: the scheme is case-insensitive.
        var header = headers.ToString();
        request.IsByDpop = header.StartsWith(Dpop, StringComparison.OrdinalIgnoreCase);
        if (request.IsByDpop || header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
            inBody = header[(header.IndexOf(' ', StringComparison.Ordinal) + 1)..].Trim(' ');
        return inBody is { Length: > 0 } ? inBody : Errors.AccessTokenMissing;
    }
}
