using IdentityServer.Audit;
using IdentityServer.Protocol.ClientDescriptions;
using IdentityServer.Storage;

namespace IdentityServer.Manifest;

/// <summary>
/// Brings in another server's permanent authorizations, of the clients that come in with them: what users of a client that was here
/// before have allowed or withdrawn since is theirs. Of several of one user and client one comes in that allows all.
/// </summary>
/// <param name="clients">Those that came in, each with whether it remembers what its users allowed.</param>
internal sealed class ConsentImport(ImportReport report, Dictionary<string, (string[] Scopes, bool Remembers)> clients, Registered registered, TimeProvider timeProvider)
{
    private readonly SortedDictionary<string, int> _written = new(StringComparer.Ordinal);

    public async Task WriteAsync(AuthDb db, OpenIddictDatabase source, CancellationToken cancellationToken)
    {
        var (before, homeless, unneeded, unreadable, strangers) = (0, 0, 0, 0, 0);
        await foreach (var authorization in source.ReadAuthorizationsAsync(cancellationToken))
        {
            if (registered.Clients.ContainsKey(authorization.ClientId ?? ""))
                before++;
            else if (!clients.TryGetValue(authorization.ClientId ?? "", out var client))
                homeless++;
            else if (!TryReadScopes(authorization, out var allowed))
                unreadable++;
            else if (!client.Remembers || allowed.Intersect(client.Scopes).ToArray() is not { Length: > 0 } scopes)
                unneeded++;
            else if (!Guid.TryParseExact(authorization.Subject, "D", out var user)
                     || !await Consents.TryImportAsync(db, user, new GivenConsent(authorization.ClientId!, scopes, GrantedAt(authorization)), cancellationToken))
                strangers++;
            else
                _written[authorization.ClientId!] = _written.GetValueOrDefault(authorization.ClientId!) + 1;
        }
        await AuditAsync(db, cancellationToken);

        Tell(before, "of clients that were here before", report.Left);
        Tell(unneeded, "of clients that remember none, or have no such scope", report.Left);
        Tell(homeless, "of clients that did not come in", report.Refused);
        Tell(strangers, "of subjects that are no user here", report.Refused);
        Tell(unreadable, "whose Scopes is no JSON array of texts", report.Refused);
    }

    private static bool TryReadScopes(ForeignAuthorization authorization, out string[] scopes)
    {
        try
        {
            scopes = OpenIddictClient.Texts(authorization.Scopes, "Scopes");
            return true;
        }
        catch (JsonMistake)
        {
            scopes = [];
            return false;
        }
    }

    /// <summary>Never in the future, and no earlier than what a date can say.</summary>
    private DateTimeOffset GrantedAt(ForeignAuthorization authorization)
    {
        var now = timeProvider.GetUtcNow();
        return authorization.CreatedAt is >= 0 and var seconds && seconds < now.ToUnixTimeSeconds() ? DateTimeOffset.FromUnixTimeSeconds(seconds) : now;
    }

    private async Task AuditAsync(AuthDb db, CancellationToken cancellationToken)
    {
        foreach (var (clientId, count) in _written)
        {
            var what = ImportReport.Counted(count, "authorization");
            report.Added($"{what} of client {clientId}");
            db.AuditEvents.Add(new AuditEventRow { At = timeProvider.GetUtcNow(), Event = AuditEvents.ConfigurationApplied, ClientId = clientId, Reason = $"imported {what}" });
        }
        await db.SaveChangesAsync(cancellationToken);
    }

    private static void Tell(int count, string whose, Action<string> tell)
    {
        if (count > 0)
            tell($"{ImportReport.Counted(count, "authorization")} {whose}");
    }
}
