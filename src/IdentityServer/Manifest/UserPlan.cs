using System.Text.Json.Nodes;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Protocol.ClientDescriptions;
using IdentityServer.Protocol.Grants;
using IdentityServer.Storage;
using Microsoft.AspNetCore.Identity;

namespace IdentityServer.Manifest;

/// <summary>
/// Compares the accounts that the manifest names with what it says. Others are never touched, not by <c>--prune</c>
/// either: people register themselves, and a file that does not know them must not end them.
/// </summary>
/// <param name="hasher">Null: nothing is to be written.</param>
internal sealed class UserPlan(Plan plan, IPasswordHasher<User>? hasher, PasswordPolicy policy, TimeProvider timeProvider)
{
    private const string Kind = "user";

    /// <param name="accounts">By the path of their user.</param>
    /// <param name="roleIds">By folded name.</param>
    public void Add(IReadOnlyList<ManifestUser> users, Dictionary<string, Account> accounts, Dictionary<string, Guid> roleIds)
    {
        var hashes = HashesOf(users.Where(user => !accounts.ContainsKey(user.Path)));
        foreach (var user in users)
        {
            if (accounts.GetValueOrDefault(user.Path) is { } account)
                Change(account, user, roleIds);
            else
                Create(user, hashes[user.Path], roleIds);
        }
    }

    /// <summary>Hashes the passwords of those that must be made, on all cores.</summary>
    private Dictionary<string, string?> HashesOf(IEnumerable<ManifestUser> users) =>
        users.Select(user => (user.Path, Password: PasswordOf(user))).ToList()
            .AsParallel().Select(user => (user.Path, Hash: hasher?.HashPassword(new User(), user.Password)))
            .ToDictionary(user => user.Path, user => user.Hash, StringComparer.Ordinal);

    private string PasswordOf(ManifestUser user)
    {
        if (user.Password is not { } given)
            throw new JsonMistake($"{user.Path}.password", "is missing, and the account does not exist yet.");
        var password = given.Read();
        var asked = LoginName.IsWellFormed(password) ? policy.Refuse(password, user.UserName, user.Email) : policy.Requirements;
        return asked is null ? password : throw new JsonMistake(given.Path, $"is refused. {asked}");
    }

    private void Create(ManifestUser user, string? hash, Dictionary<string, Guid> roleIds)
    {
        var row = new User
        {
            Id = Guid.NewGuid(),
            UserName = user.Name,
            NormalizedUserName = LoginName.Fold(user.Name),
            PasswordHash = hash,
            SecurityStamp = SecurityStamps.Create(),
            CreatedAt = timeProvider.GetUtcNow(),
        };
        Compare(new(row, []), user, roleIds, timeProvider).Write();
        plan.Create(Kind, user.Name, [row, .. Memberships(row, RolesOf(user, roleIds))]);
    }

    private void Change(Account account, ManifestUser user, Dictionary<string, Guid> roleIds)
    {
        var row = account.Row;
        var differences = Compare(account, user, roleIds, timeProvider);
        var members = differences.Members.Select(difference => difference.Member).ToHashSet(StringComparer.Ordinal);
        if (members.Contains("disabled") && user.IsDisabled)
            plan.EndedUsers.Add(row.Id);
        if (members.Except(["disabled", "roles"]).Any())
            differences.Also(() => row.UpdatedAt = timeProvider.GetUtcNow());
        if (members.Contains("roles"))
        {
            var roles = RolesOf(user, roleIds);
            var gained = Memberships(row, roles.Except(account.RoleIds));
            var lost = Memberships(row, account.RoleIds.Except(roles));
            plan.Also(db => { db.AddRange(gained); db.RemoveRange(lost); });
        }
        plan.Change(Kind, user.Name, row, differences);
    }

    public static Differences Compare(Account account, ManifestUser user, Dictionary<string, Guid> roleIds, TimeProvider timeProvider)
    {
        var row = account.Row;
        var differences = new Differences(user);
        differences.Compare("username", row.UserName, user.Name, name => (row.UserName, row.NormalizedUserName) = (name, LoginName.Fold(name!)));
        // The operator vouches for the address and the number.
        differences.Compare("email", (row.Email, row.EmailConfirmed), (user.Email, user.Email is not null),
            _ => (row.Email, row.NormalizedEmail, row.EmailConfirmed) = (user.Email, user.Email is { } email ? LoginName.Fold(email) : null, user.Email is not null));
        differences.Compare("full_name", row.FullName, user.FullName, name => row.FullName = name);
        differences.Compare("age", row.Age, user.Age, age => row.Age = age);
        differences.Compare("gender", row.Gender, user.Gender, gender => row.Gender = gender);
        differences.Compare("phone_number", (row.PhoneNumber, row.PhoneNumberConfirmed), (user.PhoneNumber, user.PhoneNumber is not null),
            phone => (row.PhoneNumber, row.PhoneNumberConfirmed) = phone);
        // PostgreSQL keeps a jsonb in an order and spacing of its own.
        var (has, profile) = (JsonNode.Parse(row.Profile), ProfileSection.Patch(row.Profile, user));
        if (!JsonNode.DeepEquals(has, profile))
            differences.Add("profile", has, profile, () => row.Profile = profile.ToJsonString());
        differences.Compare("disabled", row.DisabledAt is not null, user.IsDisabled, disabled => row.DisabledAt = disabled ? timeProvider.GetUtcNow() : null);
        if (user.Says("roles") && RolesOf(user, roleIds) is var roles && !roles.SetEquals(account.RoleIds))
            differences.Add("roles", NamesOf(account.RoleIds, roleIds), NamesOf(roles, roleIds), () => { });
        return differences;
    }

    /// <summary>A role that is gone is no member's.</summary>
    private static HashSet<Guid> RolesOf(ManifestUser user, Dictionary<string, Guid> roleIds) =>
        [.. user.Roles.Select(LoginName.Fold).Where(roleIds.ContainsKey).Select(role => roleIds[role])];

    private static JsonNode? NamesOf(IEnumerable<Guid> roles, Dictionary<string, Guid> roleIds) =>
        Differences.Json(roleIds.Where(role => roles.Contains(role.Value)).Select(role => role.Key).ToArray());

    private static IdentityUserRole<Guid>[] Memberships(User row, IEnumerable<Guid> roles) =>
        [.. roles.Select(role => new IdentityUserRole<Guid> { UserId = row.Id, RoleId = role })];
}
