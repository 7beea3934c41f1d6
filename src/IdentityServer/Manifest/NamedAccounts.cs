using IdentityServer.Accounts.Passwords;
using IdentityServer.Protocol.Descriptions;
using IdentityServer.Storage;
using Npgsql;

namespace IdentityServer.Manifest;

/// <summary>Finds the accounts that a manifest names; however many others there are, they are not read.</summary>
internal static class NamedAccounts
{
    /// <summary>For each of the manifest's users the account that it is; null where there is none yet.</summary>
    /// <param name="keepsEmail">Whether a user's address is left as it is: then it may have become another's.</param>
    public static async Task<Account?[]> FindAsync(NpgsqlConnection connection, IReadOnlyList<ManifestUser> users, Func<ManifestUser, bool> keepsEmail, CancellationToken cancellationToken)
    {
        var all = await AccountRows.FindAsync(
            connection,
            [.. users.Select(user => LoginName.Fold(user.Name))],
            [.. users.Select(user => user.Email).OfType<string>().Select(LoginName.Fold)],
            cancellationToken);
        var byName = all.ToDictionary(account => account.Row.NormalizedUserName!, StringComparer.Ordinal);
        var byEmail = all.Where(account => account.Row.NormalizedEmail is not null).ToDictionary(account => account.Row.NormalizedEmail!, StringComparer.Ordinal);

        var found = new Account?[users.Count];
        var places = new Dictionary<Guid, string>();
        for (var i = 0; i < users.Count; i++)
        {
            var owner = users[i].Email is { } email ? byEmail.GetValueOrDefault(LoginName.Fold(email)) : null;
            var account = byName.GetValueOrDefault(LoginName.Fold(users[i].Name));
            if (users[i].UserName is null)
                account = owner ?? account;
            else if (owner is not null && owner != account && !keepsEmail(users[i]))
                throw new JsonMistake($"{users[i].Path}.email", $"belongs to another account, {owner.Row.UserName}.");
            if (account is not null && !places.TryAdd(account.Row.Id, users[i].Path))
                throw new JsonMistake(users[i].Path, $"is the same account as {places[account.Row.Id]}.");
            found[i] = account;
        }
        return found;
    }
}
