using System.Text.Json;
using IdentityServer.Http;
using IdentityServer.Protocol;

namespace IdentityServer.Token;

/// <summary>RFC 6749 §5.1; the granted scope is always told.</summary>
internal sealed record TokenResponse(string AccessToken, int ExpiresIn, string Scope, string? RefreshToken)
{
    /// <summary>Where the scope <c>openid</c> was granted (OpenID Connect Core §3.1.3.3).</summary>
    public string? IdToken { get; init; }

    public Task WriteAsync(HttpContext http) => OAuthAnswer.WriteAsync(http, StatusCodes.Status200OK, this, static (json, response) => response.Write(json));

    private void Write(Utf8JsonWriter json)
    {
        json.WriteString(Parameters.AccessToken, AccessToken);
        json.WriteString(Parameters.TokenType, "Bearer");
        json.WriteNumber(Parameters.ExpiresIn, ExpiresIn);
        if (RefreshToken is not null)
            json.WriteString(Parameters.RefreshToken, RefreshToken);
        if (IdToken is not null)
            json.WriteString(Parameters.IdToken, IdToken);
        json.WriteString(Parameters.Scope, Scope);
    }
}
