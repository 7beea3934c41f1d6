using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using IdentityServer.Clients;
using IdentityServer.Keys;
using IdentityServer.Settings;

namespace IdentityServer.Protocol.Tokens;

/// <summary>
/// Writes access tokens: JWTs as in RFC 9068. The JSON goes into a per-thread buffer, and from there into the
/// signature: no claim objects, no reflection.
/// </summary>
internal sealed class AccessTokenWriter(
    IssuerSettings issuer, AccessTokenSettings settings, CurrentKeys keys, CurrentConfiguration configuration, TimeProvider timeProvider)
{
    [ThreadStatic]
    private static ArrayBufferWriter<byte>? _buffer;

    [ThreadStatic]
    private static Utf8JsonWriter? _json;

    public IssuedAccessToken IssueAccessToken(Issuance issuance)
    {
        var (client, scopes, terms) = issuance;
        var issuedAt = timeProvider.GetUtcNow().ToUnixTimeSeconds();
        var expiresAt = issuedAt + (long)settings.Lifetime.TotalSeconds;
        var delegation = issuance.Delegation;
        // An exchanged token lives no longer than the original.
        if (delegation is not null)
            expiresAt = Math.Min(expiresAt, Math.Min(delegation.Subject.ExpiresAt.ToUnixTimeSeconds(), delegation.Actor.NotAfter.ToUnixTimeSeconds()));
        var buffer = _buffer ??= new ArrayBufferWriter<byte>(1024);
        buffer.ResetWrittenCount();
        var json = _json ??= new Utf8JsonWriter(Stream.Null);
        json.Reset(buffer);

        json.WriteStartObject();
        json.WriteString(ClaimNames.Issuer, issuer.Issuer);
        json.WriteString(ClaimNames.Subject, issuance.User?.Subject.ToString() ?? delegation?.Subject.Subject ?? client.ClientId);
        WriteAudience(json, terms.Resources ?? configuration.Value.AudienceOf(scopes));
        json.WriteNumber(ClaimNames.ExpiresAt, expiresAt);
        json.WriteNumber(ClaimNames.IssuedAt, issuedAt);
        json.WriteString(ClaimNames.JwtId, CreateJwtId());
        json.WriteString(ClaimNames.ClientId, client.ClientId);
        if (!scopes.IsEmpty)
            json.WriteString(ClaimNames.Scope, scopes.ToString());
        if (issuance.User is { } user)
            WriteUser(json, user);
        if (delegation is not null)
            WriteDelegation(json, delegation);
        if (terms.DpopThumbprint is not null || terms.CertificateThumbprint is not null)
            WriteConfirmation(json, terms);
        json.WriteEndObject();
        json.Flush();

        return new IssuedAccessToken(
            keys.Value.AccessTokenSigner(client.SigningAlgorithm ?? settings.SigningAlgorithm).Sign(buffer.WrittenSpan), (int)(expiresAt - issuedAt),
            terms.DpopThumbprint is null ? TokenTypes.Bearer : TokenTypes.Dpop);
    }

    /// <summary>Null: the client gets no refresh token.</summary>
    public string? IssueRefreshToken(Issuance issuance) =>
        issuance.Refresh is { } grant ? GrantHandle.Write(keys.Value.Handles, grant.GrantId, grant.Generation, grant.RotatedAt) : null;

    /// <summary>RFC 9449 §6.1, RFC 8705 §3.1.</summary>
    private static void WriteConfirmation(Utf8JsonWriter json, TokenTerms terms)
    {
        json.WriteStartObject(ClaimNames.Confirmation);
        if (terms.DpopThumbprint is not null)
            json.WriteString(ClaimNames.KeyThumbprint, terms.DpopThumbprint);
        if (terms.CertificateThumbprint is not null)
            json.WriteString(ClaimNames.CertificateThumbprint, terms.CertificateThumbprint);
        json.WriteEndObject();
    }

    /// <summary>RFC 9068 §2.2: the resources whose scopes were granted; the issuer itself if there are none.</summary>
    private void WriteAudience(Utf8JsonWriter json, string[] audience)
    {
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

    /// <summary>Keeps what the original token says about the user's sign-in, and nests its actor in the new one (RFC 8693 §4.1).</summary>
    private static void WriteDelegation(Utf8JsonWriter json, Delegation delegation)
    {
        foreach (var kept in (ReadOnlySpan<string>)[ClaimNames.GrantId, ClaimNames.AuthTime, ClaimNames.Roles, ClaimNames.Permissions])
        {
            if (!delegation.Subject.Root.TryGetProperty(kept, out var value))
                continue;
            json.WritePropertyName(kept);
            value.WriteTo(json);
        }
        json.WriteStartObject(ClaimNames.Actor);
        json.WriteString(ClaimNames.Subject, delegation.Actor.Subject);
        if (delegation.Subject.Root.TryGetProperty(ClaimNames.Actor, out var before))
        {
            json.WritePropertyName(ClaimNames.Actor);
            before.WriteTo(json);
        }
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string name, string[] values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
            json.WriteStringValue(value);
        json.WriteEndArray();
    }

    /// <summary>128 random bits, unique without coordination (RFC 7519 §4.1.7).</summary>
    private static string CreateJwtId()
    {
        Span<byte> bytes = stackalloc byte[16];
        RandomNumberGenerator.Fill(bytes);
        return Base64Url.EncodeToString(bytes);
    }
}
