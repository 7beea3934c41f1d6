using IdentityServer.Accounts.Passwords;
using IdentityServer.Protocol.ClientDescriptions;
using IdentityServer.Storage;
using Npgsql;

namespace IdentityServer.Manifest;

/// <summary>Finds the accounts that a manifest names; however many others there are, they are not read.</summary>
internal static class NamedAccounts
{
    /// <summary>The accounts that there are, by the path of their user in the manifest.</summary>
    /// <param name="keepsEmail">Whether a user's address is left as it is: then it may have become another's.</param>
    public static async Task<Dictionary<string, Account>> FindAsync(NpgsqlConnection connection, IReadOnlyList<ManifestUser> users, Func<ManifestUser, bool> keepsEmail, CancellationToken cancellationToken)
    {
        var all = await AccountRows.FindAsync(
            connection,
            [.. users.Select(user => LoginName.Fold(user.Name))],
            [.. users.Select(user => user.Email).OfType<string>().Select(LoginName.Fold)],
            cancellationToken);
        var byName = all.ToDictionary(account => account.Row.NormalizedUserName!, StringComparer.Ordinal);
        var byEmail = all.Where(account => account.Row.NormalizedEmail is not null).ToDictionary(account => account.Row.NormalizedEmail!, StringComparer.Ordinal);

        var found = new Dictionary<string, Account>(StringComparer.Ordinal);
        var places = new Dictionary<Guid, string>();
        foreach (var user in users)
        {
            var owner = user.Email is { } email ? byEmail.GetValueOrDefault(LoginName.Fold(email)) : null;
            var account = byName.GetValueOrDefault(LoginName.Fold(user.Name));
            if (user.UserName is null)
                account = owner ?? account;
            else if (owner is not null && owner != account && !keepsEmail(user))
                throw new JsonMistake($"{user.Path}.email", $"belongs to another account, {owner.Row.UserName}.");
            if (account is null)
                continue;
            if (!places.TryAdd(account.Row.Id, user.Path))
                throw new JsonMistake(user.Path, $"is the same account as {places[account.Row.Id]}.");
            found.Add(user.Path, account);
        }
        return found;
    }
}
