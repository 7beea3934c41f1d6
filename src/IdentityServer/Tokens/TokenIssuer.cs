using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using IdentityServer.Configuration;
using IdentityServer.Protocol;
using IdentityServer.Settings;
using Jose;

namespace IdentityServer.Tokens;

/// <summary>Who a user's token speaks of.</summary>
/// <param name="AuthTime">When the user signed in.</param>
internal sealed record TokenUser(Guid Subject, Guid GrantId, DateTimeOffset AuthTime, Guid[] RoleIds);

/// <summary>
/// Writes access tokens: JWTs by RFC 9068. The JSON goes into a buffer that the thread keeps, and from there into the
/// signature: no claim objects, no reflection.
/// </summary>
internal sealed class TokenIssuer(
    IssuerSettings issuer, AccessTokenSettings settings, CurrentKeys keys, CurrentConfiguration configuration, TimeProvider time)
{
    [ThreadStatic]
    private static ArrayBufferWriter<byte>? _buffer;

    [ThreadStatic]
    private static Utf8JsonWriter? _json;

    public AccessToken IssueToClient(Client client, ScopeSet scopes) => Issue(client, client.ClientId, scopes, null);

    public AccessToken IssueToUser(Client client, ScopeSet scopes, TokenUser user) => Issue(client, user.Subject.ToString(), scopes, user);

    private AccessToken Issue(Client client, string subject, ScopeSet scopes, TokenUser? user)
    {
        var issuedAt = time.GetUtcNow().ToUnixTimeSeconds();
        var lifetime = (int)settings.Lifetime.TotalSeconds;
        var buffer = _buffer ??= new ArrayBufferWriter<byte>(1024);
        buffer.ResetWrittenCount();
        var json = _json ??= new Utf8JsonWriter(Stream.Null);
        json.Reset(buffer);

        json.WriteStartObject();
        json.WriteString(ClaimNames.Issuer, issuer.Issuer);
        json.WriteString(ClaimNames.Subject, subject);
        WriteAudience(json, scopes);
        json.WriteNumber(ClaimNames.ExpiresAt, issuedAt + lifetime);
        json.WriteNumber(ClaimNames.IssuedAt, issuedAt);
        json.WriteString(ClaimNames.JwtId, CreateJwtId());
        json.WriteString(ClaimNames.ClientId, client.ClientId);
        json.WriteString(ClaimNames.Scope, scopes.ToString());
        if (user is not null)
            WriteUser(json, user);
        json.WriteEndObject();
        json.Flush();

        return new AccessToken(keys.Value.AccessTokenSigner(client.SigningAlgorithm ?? settings.SigningAlgorithm).Sign(buffer.WrittenSpan), lifetime);
    }

    /// <summary>RFC 9068 §2.2: the resources whose scopes were granted; the issuer itself where there is none.</summary>
    private void WriteAudience(Utf8JsonWriter json, ScopeSet scopes)
    {
        var audience = configuration.Value.AudienceOf(scopes);
        if (audience.Length <= 1)
        {
            json.WriteString(ClaimNames.Audience, audience.Length == 1 ? audience[0] : issuer.Issuer);
            return;
        }
        Write(json, ClaimNames.Audience, audience);
    }

    private void WriteUser(Utf8JsonWriter json, TokenUser user)
    {
        json.WriteString(ClaimNames.GrantId, user.GrantId);
        json.WriteNumber(ClaimNames.AuthTime, user.AuthTime.ToUnixTimeSeconds());
        var (roles, permissions) = configuration.Value.RolesOf(user.RoleIds);
        Write(json, ClaimNames.Roles, roles);
        Write(json, ClaimNames.Permissions, permissions);
    }

    private static void Write(Utf8JsonWriter json, string name, string[] values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
            json.WriteStringValue(value);
        json.WriteEndArray();
    }

    /// <summary>128 bits of chance: unique without asking anyone (RFC 7519 §4.1.7).</summary>
    private static string CreateJwtId()
    {
        Span<byte> bytes = stackalloc byte[16];
        RandomNumberGenerator.Fill(bytes);
        return Base64Url.Encode(bytes);
    }
}
