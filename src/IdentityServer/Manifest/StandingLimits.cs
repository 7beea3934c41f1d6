using IdentityServer.Accounts.Passwords;
using IdentityServer.Clients;
using IdentityServer.Storage;

namespace IdentityServer.Manifest;

/// <summary>
/// Takes from a manifest that is applied by a start what would undo somebody's change: members of which the file says only what it said
/// before, entries that were there and are gone, and every opening of what is switched off that the file itself had not switched off.
/// </summary>
internal sealed class StandingLimits(Registered registered, Remembered remembered, ClientSecrets secrets, TimeProvider timeProvider)
{
    private readonly Dictionary<string, string?> _secretMarks = new(StringComparer.Ordinal);

    /// <summary>What is left as it is, each entry a line.</summary>
    public List<string> Left { get; } = [];

    /// <summary>The mark that a client's secrets had when a manifest said the same; null: they are new.</summary>
    public string? SecretMarkOf(ManifestClient client) => _secretMarks.GetValueOrDefault(client.ClientId);

    public List<ManifestClient>? Of(IReadOnlyList<ManifestClient>? clients)
    {
        // Slow hashes, so on all cores.
        var isSame = new Dictionary<string, bool>[clients?.Count ?? 0];
        Parallel.For(0, isSame.Length, i => isSame[i] = SecretsSaid(clients![i]));
        return clients?.Select((client, i) =>
        {
            _secretMarks[client.ClientId] = isSame[i].FirstOrDefault(mark => mark.Value).Key;
            if (registered.Clients.GetValueOrDefault(client.ClientId) is not { } row)
                return Missing(client);
            bool Same(string member, string mark) => member == ClientSection.Secret ? isSame[i][mark] : client.Said[member] == mark;
            var limited = client with { Said = News(client, row.Disabled && !client.IsDisabled, Same) };
            var kept = client with { Said = Kept(client, limited) };
            var left = ClientPlan.Compare(row, (kept with { Said = Without(kept, ClientSection.Secret) }).Over(row), row.SecretHashes).Members;
            if (kept.Says(ClientSection.Secret) && !isSame[i].GetValueOrDefault(MarkOf(row.SecretHashes)) && !IsOf(row.SecretHashes, client.Secrets))
                left.Insert(0, ClientSection.Secret);
            Leave(client, left);
            return limited;
        }).OfType<ManifestClient>().ToList();
    }

    public List<ManifestResource>? Of(IReadOnlyList<ManifestResource>? resources) => resources?.Select(resource =>
    {
        if (registered.Resources.GetValueOrDefault(resource.Identifier) is not { } row)
            return Missing(resource);
        var limited = resource with { Said = News(resource) };
        Leave(resource, ResourcePlan.Compare(row, (resource with { Said = Kept(resource, limited) }).Over(row)).Members);
        return limited;
    }).OfType<ManifestResource>().ToList();

    public List<ManifestRole>? Of(IReadOnlyList<ManifestRole>? roles) => roles?.Select(role =>
    {
        if (registered.Roles.GetValueOrDefault(LoginName.Fold(role.Name)) is not { } row)
            return Missing(role);
        var limited = role with { Said = News(role) };
        Leave(role, RolePlan.Compare(row, (role with { Said = Kept(role, limited) }).Over(row)).Members);
        return limited;
    }).OfType<ManifestRole>().ToList();

    /// <returns>Those that are left, and the account of each.</returns>
    public (List<ManifestUser> Users, Account?[] Accounts) Of(IReadOnlyList<ManifestUser> users, Account?[] found)
    {
        var roleIds = registered.Roles.ToDictionary(role => role.Key, role => role.Value.Id, StringComparer.Ordinal);
        var limited = new List<(ManifestUser User, Account? Account)>();
        foreach (var (i, user) in users.Index())
        {
            if (found[i] is not { } account)
            {
                if (Missing(user) is { } anew)
                    limited.Add((anew, null));
                continue;
            }
            var news = user with { Said = News(user, account.Row.DisabledAt is not null && !user.IsDisabled) };
            Leave(user, UserPlan.Compare(account, user with { Said = Kept(user, news) }, roleIds, timeProvider).Members);
            limited.Add((news, account));
        }
        return ([.. limited.Select(one => one.User)], [.. limited.Select(one => one.Account)]);
    }

    public bool IsNews(ManifestEntry entry, string member) => remembered.Of(entry).IsNews(member, mark => entry.Said[member] == mark);

    private TEntry? Missing<TEntry>(TEntry entry)
        where TEntry : ManifestEntry
    {
        if (!remembered.Of(entry).IsKnown)
            return entry;
        Left.Add($"{entry.Kind} {entry.Label} removed");
        return null;
    }

    private void Leave(ManifestEntry entry, List<string> members)
    {
        if (members.Count > 0)
            Left.Add($"{entry.Kind} {entry.Label} as changed by hand ({string.Join(", ", members)})");
    }

    /// <param name="opens">Whether it is off, and the file says that it is on.</param>
    private Dictionary<string, string> News(ManifestEntry entry, bool opens = false, Func<string, string, bool>? isSame = null)
    {
        var known = remembered.Of(entry);
        isSame ??= (member, mark) => entry.Said[member] == mark;
        return entry.Said
            .Where(said => known.IsNews(said.Key, mark => isSame(said.Key, mark)) && !(opens && said.Key == "disabled" && known.ByStart.GetValueOrDefault(said.Key) != MemberMark.Of("true")))
            .ToDictionary(StringComparer.Ordinal);
    }

    private static Dictionary<string, string> Kept(ManifestEntry entry, ManifestEntry limited) =>
        entry.Said.Where(said => !limited.Says(said.Key)).ToDictionary(StringComparer.Ordinal);

    private static Dictionary<string, string> Without(ManifestEntry entry, string member) =>
        entry.Said.Where(said => said.Key != member).ToDictionary(StringComparer.Ordinal);

    /// <summary>For each mark of the client's secrets, which holds their slow hashes, whether the file says those.</summary>
    private Dictionary<string, bool> SecretsSaid(ManifestClient client)
    {
        if (!client.Says(ClientSection.Secret))
            return [];
        var known = remembered.Of(client);
        return new[] { known.ByStart, known.ByApply }.Select(marks => marks.GetValueOrDefault(ClientSection.Secret)).OfType<string>().Distinct()
            .ToDictionary(mark => mark, mark => IsOf(mark.Split(' ', StringSplitOptions.RemoveEmptyEntries), client.Secrets), StringComparer.Ordinal);
    }

    private bool IsOf(string[] hashes, string[] said) =>
        hashes.Length == said.Length && said.All(secret => hashes.Any(hash => secrets.IsHashOf(hash, secret)));

    /// <summary>Of a client's secrets.</summary>
    public static string MarkOf(string[] hashes) => string.Join(' ', hashes);
}
