using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using IdentityServer.Accounts.Sessions;
using IdentityServer.Clients;
using IdentityServer.Keys;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Settings;

namespace IdentityServer.Protocol.Logout;

/// <summary>Writes logout tokens (Back-Channel Logout §2.4): like ID tokens, but with their own type and without <c>nonce</c>, so that neither passes for the other.</summary>
internal sealed class LogoutTokens(IssuerSettings issuer, CurrentKeys keys, TimeProvider timeProvider)
{
    public const string Event = "http://schemas.openid.net/event/backchannel-logout";

    /// <summary>Back-Channel Logout §2.4 recommends at most two minutes.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(2);

    public string Issue(Client client, LogoutNotice notice)
    {
        var issuedAt = timeProvider.GetUtcNow().ToUnixTimeSeconds();
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString(ClaimNames.Issuer, issuer.Issuer);
            json.WriteString(ClaimNames.Subject, notice.Subject);
            json.WriteString(ClaimNames.Audience, client.ClientId);
            json.WriteNumber(ClaimNames.IssuedAt, issuedAt);
            json.WriteNumber(ClaimNames.ExpiresAt, issuedAt + (long)Lifetime.TotalSeconds);
            json.WriteString(ClaimNames.JwtId, Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16)));
            json.WriteString(ClaimNames.SessionId, notice.SessionId);
            json.WriteStartObject("events");
            json.WriteStartObject(Event);
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return keys.Value.LogoutTokenSigner(client.Metadata.IdTokenSignedResponseAlg ?? IdTokens.StandardAlgorithm).Sign(buffer.WrittenSpan);
    }
}
