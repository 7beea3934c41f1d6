using System.Text.Json;
using System.Text.Json.Serialization;

namespace IdentityServer.Accounts.Sessions;

/// <summary>
/// Tells one client that a session it was part of has ended: the outbox's payload of a back-channel logout. It does not hold the
/// token, which is short-lived and so is made for each attempt.
/// </summary>
internal sealed record LogoutNotice(string ClientId, Guid Subject, Guid SessionId)
{
    /// <summary>The column <c>kind</c> of the outbox.</summary>
    public const string Kind = "backchannel_logout";

    /// <summary>The same for a session whose account was deleted: written by a trigger (<c>Baseline.Triggers.cs</c>).</summary>
    public const string KindOfDeleted = "deleted_session";

    public byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, LogoutNoticeJson.Default.LogoutNotice);

    public static LogoutNotice Read(byte[] content) => JsonSerializer.Deserialize(content, LogoutNoticeJson.Default.LogoutNotice)!;
}

[JsonSerializable(typeof(LogoutNotice))]
internal sealed partial class LogoutNoticeJson : JsonSerializerContext;
