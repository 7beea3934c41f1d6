using System.Text.Json;
using System.Text.Json.Serialization;

namespace IdentityServer.Accounts.Sessions;

/// <summary>
/// That a session has ended, for one client that was signed in to in it: what the outbox keeps of a back-channel logout. Of the
/// token itself nothing: it is written anew for each attempt, since it is short-lived.
/// </summary>
internal sealed record LogoutNotice(string ClientId, Guid Subject, Guid SessionId)
{
    /// <summary>The column <c>kind</c> of the outbox.</summary>
    public const string Kind = "backchannel_logout";

    /// <summary>The same of a session whose account was deleted: written by the database itself (see the migration 0005).</summary>
    public const string KindOfDeleted = "deleted_session";

    public byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, LogoutNoticeJson.Default.LogoutNotice);

    public static LogoutNotice Read(byte[] content) => JsonSerializer.Deserialize(content, LogoutNoticeJson.Default.LogoutNotice)!;
}

[JsonSerializable(typeof(LogoutNotice))]
internal sealed partial class LogoutNoticeJson : JsonSerializerContext;
