using System.Text.Json;
using IdentityServer.Http;
using IdentityServer.Protocol;
using IdentityServer.Tokens;

namespace IdentityServer.Token;

/// <summary>RFC 6749 §5.1; the granted scope is always told, where there is one.</summary>
internal sealed record TokenResponse(string AccessToken, int ExpiresIn, string Scope, string? RefreshToken)
{
    /// <summary>Where the scope <c>openid</c> was granted (OpenID Connect Core §3.1.3.3).</summary>
    public string? IdToken { get; init; }

    /// <summary><c>DPoP</c> for a token that is bound to a key (RFC 9449 §5).</summary>
    public string TokenType { get; init; } = TokenTypes.Bearer;

    /// <summary>Of a token exchange (RFC 8693 §2.2.1).</summary>
    public string? IssuedTokenType { get; init; }

    public TokenResponse(AccessToken token, ScopeSet scope, string? refreshToken)
        : this(token.Text, token.ExpiresIn, scope.ToString(), refreshToken) => TokenType = token.Type;

    public Task WriteAsync(HttpContext http) => OAuthAnswer.WriteAsync(http, StatusCodes.Status200OK, this, static (json, response) => response.Write(json));

    private void Write(Utf8JsonWriter json)
    {
        json.WriteString(Parameters.AccessToken, AccessToken);
        json.WriteString(Parameters.TokenType, TokenType);
        json.WriteNumber(Parameters.ExpiresIn, ExpiresIn);
        if (RefreshToken is not null)
            json.WriteString(Parameters.RefreshToken, RefreshToken);
        if (IdToken is not null)
            json.WriteString(Parameters.IdToken, IdToken);
        if (IssuedTokenType is not null)
            json.WriteString(Parameters.IssuedTokenType, IssuedTokenType);
        OAuthAnswer.WriteScope(json, Scope);
    }
}
