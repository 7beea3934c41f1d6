using System.Text.Json;

namespace IdentityServer.ResourceServer;

/// <summary>One answer of <c>GET /connect/revocations</c>.</summary>
internal sealed record RevocationFeedAnswer(string Cursor, IReadOnlyList<Revocation> Revoked)
{
    public static RevocationFeedAnswer Parse(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var document = JsonDocument.Parse(body, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 16 });
            var root = document.RootElement;
            List<Revocation> revoked = new(root.GetProperty("revoked").GetArrayLength());
            foreach (var entry in root.GetProperty("revoked").EnumerateArray())
                revoked.Add(Revocation.Parse(entry));

            var cursor = root.GetProperty("cursor");
            return new RevocationFeedAnswer(cursor.ValueKind == JsonValueKind.String ? cursor.GetString()! : cursor.GetRawText(), revoked);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            // An unknown entry must not be skipped, because a revoked token would stay alive.
            throw new IssuerException("The issuer's revocation feed is not what was agreed.", e);
        }
    }
}

internal enum RevocationOf
{
    Token,
    Grant,
    Subject,
}

/// <param name="Of">The kind of <paramref name="Name"/>.</param>
/// <param name="Name">A <c>jti</c>, <c>grant_id</c> or <c>sub</c>.</param>
/// <param name="At">Unix milliseconds; a subject's tokens from before that are dead.</param>
/// <param name="Until">Unix milliseconds; when the last affected token has expired.</param>
internal readonly record struct Revocation(RevocationOf Of, string Name, long At, long Until)
{
    public static Revocation Parse(JsonElement entry)
    {
        var (of, name) =
            entry.TryGetProperty("jti", out var jti) ? (RevocationOf.Token, jti) :
            entry.TryGetProperty("grant_id", out var grant) ? (RevocationOf.Grant, grant) :
            (RevocationOf.Subject, entry.GetProperty("sub"));
        return new Revocation(of, name.GetString() ?? throw new FormatException("An entry without a name."),
            entry.GetProperty("at").GetInt64(), entry.GetProperty("until").GetInt64());
    }
}
