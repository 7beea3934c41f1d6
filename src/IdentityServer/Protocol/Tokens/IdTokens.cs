using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using IdentityServer.Clients;
using IdentityServer.Keys;
using IdentityServer.Protocol.Jwt;
using IdentityServer.Settings;
using IdentityServer.Storage;
using Microsoft.IdentityModel.Tokens;

namespace IdentityServer.Protocol.Tokens;

/// <summary>The authentication that an ID token describes.</summary>
/// <param name="User">For the claims requested in the ID token; null at a refresh, which does not repeat them.</param>
internal sealed record Authentication(Guid Subject, DateTimeOffset At, Guid? SessionId, GrantDetails Details, UserProfile? User = null);

/// <summary>Writes and recognises ID tokens (OpenID Connect Core §2).</summary>
internal sealed class IdTokens(IssuerSettings issuer, IdTokenSettings settings, UserClaims claims, CurrentKeys keys, TimeProvider timeProvider)
{
    /// <summary>OpenID Connect Registration §2, <c>id_token_signed_response_alg</c>.</summary>
    public const string StandardAlgorithm = SecurityAlgorithms.RsaSha256;

    /// <summary>The contents of an ID token other than the claims about its user.</summary>
    public static readonly string[] Claims =
    [
        ClaimNames.Issuer, ClaimNames.Subject, ClaimNames.Audience, ClaimNames.ExpiresAt, ClaimNames.IssuedAt, ClaimNames.AuthTime,
        ClaimNames.SessionId, ClaimNames.AuthenticationContext, ClaimNames.AuthenticationMethods,
    ];

    private readonly JwtExpectations _genuine = new() { Type = "JWT", Issuer = issuer.Issuer, AtAnyTime = true };

    /// <param name="accessToken">The one issued with it.</param>
    public string Issue(Client client, Authentication who, string accessToken)
    {
        var issuedAt = timeProvider.GetUtcNow().ToUnixTimeSeconds();
        return Sign(client.Metadata.IdTokenSignedResponseAlg ?? StandardAlgorithm, json =>
        {
            json.WriteString(ClaimNames.Issuer, issuer.Issuer);
            json.WriteString(ClaimNames.Subject, who.Subject);
            json.WriteString(ClaimNames.Audience, client.ClientId);
            json.WriteNumber(ClaimNames.ExpiresAt, issuedAt + (long)settings.Lifetime.TotalSeconds);
            json.WriteNumber(ClaimNames.IssuedAt, issuedAt);
            json.WriteNumber(ClaimNames.AuthTime, who.At.ToUnixTimeSeconds());
            if (who.Details.Nonce is { } nonce)
                json.WriteString(ClaimNames.Nonce, nonce);
            if (who.SessionId is { } session)
                json.WriteString(ClaimNames.SessionId, session);
            if (who.Details.Acr is { } acr)
                json.WriteString(ClaimNames.AuthenticationContext, acr);
            if (who.Details.Amr is { } amr)
            {
                json.WriteStartArray(ClaimNames.AuthenticationMethods);
                foreach (var method in amr)
                    json.WriteStringValue(method);
                json.WriteEndArray();
            }
            json.WriteString(ClaimNames.AccessTokenHash, HalfHash(accessToken));
            if (who.User is { } user)
                claims.Write(json, user, UserClaims.Wanted(ScopeSet.Empty, who.Details.IdTokenClaims));
        });
    }

    /// <summary>A signed userinfo answer (OpenID Connect Core §5.3.2): the same kind of JWT, but without <c>exp</c>, which sets it apart from an ID token.</summary>
    public string SignUserInfo(Client client, string algorithm, Action<Utf8JsonWriter> write) => Sign(algorithm, json =>
    {
        json.WriteString(ClaimNames.Issuer, issuer.Issuer);
        json.WriteString(ClaimNames.Audience, client.ClientId);
        write(json);
    });

    /// <summary>The claims of an ID token that this server signed, expired or not; null for anything else.</summary>
    public JwtClaims? FindGenuine(string token) =>
        keys.Value.Verifier.Verify(token, _genuine, timeProvider.GetUtcNow(), out var found) == JwtError.None ? found : null;

    private string Sign(string algorithm, Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        return keys.Value.IdTokenSigner(algorithm).Sign(buffer.WrittenSpan);
    }

    /// <summary>OpenID Connect Core §3.1.3.6: both algorithms use SHA-256.</summary>
    private static string HalfHash(string accessToken) => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(accessToken)).AsSpan(0, 16));
}
