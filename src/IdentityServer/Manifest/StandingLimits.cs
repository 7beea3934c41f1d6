using IdentityServer.Accounts.Passwords;
using IdentityServer.Storage;

namespace IdentityServer.Manifest;

/// <summary>
/// Takes from a manifest that is applied by a start what would undo somebody's change: members of which the file says only what it said
/// before, entries that were there and are gone, and every opening of what is switched off that the file itself had not switched off.
/// </summary>
internal sealed class StandingLimits(Registered registered, Remembered remembered, TimeProvider timeProvider)
{
    private static readonly string On = MemberMark.Of("true");

    /// <summary>What is left as it is, each entry a line.</summary>
    public List<string> Left { get; } = [];

    /// <param name="accounts">By the path of their user.</param>
    public ManifestDocument Of(ManifestDocument manifest, Dictionary<string, Account> accounts)
    {
        var roleIds = registered.Roles.ToDictionary(role => role.Key, role => role.Value.Id, StringComparer.Ordinal);
        return manifest with
        {
            Clients = Of(manifest.Clients, client => registered.Clients.GetValueOrDefault(client.ClientId), ClientPlan.Compare, row => row.Disabled),
            Resources = Of(manifest.Resources, resource => registered.Resources.GetValueOrDefault(resource.Identifier), ResourcePlan.Compare),
            Roles = Of(manifest.Roles, role => registered.Roles.GetValueOrDefault(LoginName.Fold(role.Name)), RolePlan.Compare),
            Users = Of(manifest.Users, user => accounts.GetValueOrDefault(user.Path), (account, user) => UserPlan.Compare(account, user, roleIds, timeProvider), account => account.Row.DisabledAt is not null),
        };
    }

    public bool IsNews(ManifestEntry entry, string member) => remembered.Of(entry).IsNews(member, entry.Said[member]);

    private List<TEntry>? Of<TEntry, TRow>(
        IReadOnlyList<TEntry>? entries, Func<TEntry, TRow?> find, Func<TRow, TEntry, Differences> compare, Func<TRow, bool>? isOff = null)
        where TEntry : ManifestEntry
        where TRow : class
    {
        var limited = new List<TEntry>();
        foreach (var entry in entries ?? [])
        {
            var known = remembered.Of(entry);
            if (find(entry) is { } row)
            {
                var news = entry.Said.ToLookup(said => known.IsNews(said.Key, said.Value) && !(isOff?.Invoke(row) == true && Opens(said, known)));
                limited.Add(entry with { Said = news[true].ToDictionary(StringComparer.Ordinal) });
                Leave(entry, compare(row, entry with { Said = news[false].ToDictionary(StringComparer.Ordinal) }).Members);
            }
            else if (known.IsKnown)
            {
                Left.Add($"{entry.Kind} {entry.Label} removed");
            }
            else
            {
                limited.Add(entry);
            }
        }
        return entries is null ? null : limited;
    }

    /// <summary>Whether it switches on what the file had not switched off.</summary>
    private static bool Opens(KeyValuePair<string, string> said, RememberedEntry known) =>
        said.Key == "disabled" && said.Value != On && known.ByStart.GetValueOrDefault("disabled") != On;

    private void Leave(ManifestEntry entry, List<Difference> members)
    {
        if (members.Count > 0)
            Left.Add($"{entry.Kind} {entry.Label} as changed by hand{ChangeList.NamesOf(members)}");
    }
}
