using System.Buffers;
using Microsoft.AspNetCore.Http;

namespace IdentityServer.ResourceServer;

/// <summary>Reads the one token of a request (RFC 6750 §2.1, RFC 9449 §7.1). Tokens in the query or a form are not accepted.</summary>
internal static class AuthorizationHeader
{
    private const string Bearer = "Bearer";
    private const string Dpop = "DPoP";

    // RFC 6750 §2.1 b64token. "=" belongs at the end only; elsewhere the token is malformed, not the header.
    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=");

    /// <summary>The token, or why there is none.</summary>
    /// <param name="isDpop">Whether it came with the scheme for key-bound tokens.</param>
    public static string? Read(HttpRequest request, out bool isDpop, out BearerRefusal? refusal)
    {
        (refusal, isDpop) = (null, false);
        var headers = request.Headers.Authorization;
        if (headers.Count == 0)
            return Refused(BearerRefusal.NoToken, out refusal);

        if (headers.Count > 1)
            return Refused(BearerRefusal.MalformedHeader, out refusal);

        var header = headers[0] ?? "";
        // RFC 9110 §11.1: the scheme is case-insensitive; another scheme is not for us.
        isDpop = IsOf(Dpop, header);
        if (!isDpop && !IsOf(Bearer, header))
            return Refused(BearerRefusal.NoToken, out refusal);

        if (request.QueryString.HasValue && request.Query.ContainsKey("access_token"))
            return Refused(BearerRefusal.TwoTokens, out refusal);

        var token = header.AsSpan((isDpop ? Dpop : Bearer).Length).TrimStart(' ');
        if (token.IsEmpty || token.ContainsAnyExcept(TokenCharacters))
            return Refused(BearerRefusal.MalformedHeader, out refusal);

        return token.Length > global::Dpop.StrictJwt.MaximumLength ? Refused(BearerRefusal.TooLong, out refusal) : token.ToString();
    }

    private static bool IsOf(string scheme, string header) =>
        header.StartsWith(scheme, StringComparison.OrdinalIgnoreCase) && (header.Length == scheme.Length || header[scheme.Length] == ' ');

    private static string? Refused(BearerRefusal because, out BearerRefusal? refusal)
    {
        refusal = because;
        return null;
    }
}
