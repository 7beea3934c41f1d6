using System.Text.Json.Nodes;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Protocol.Descriptions;
using IdentityServer.Protocol.Grants;
using IdentityServer.Storage;
using Microsoft.AspNetCore.Identity;

namespace IdentityServer.Manifest;

/// <summary>
/// Compares the accounts that the manifest names with what it says. Others are never touched, not by <c>--prune</c>
/// either: people register themselves, and a file that does not know them must not end them.
/// </summary>
internal sealed class UserPlan(Plan plan, IPasswordHasher<User> hasher, PasswordPolicy policy, TimeProvider timeProvider)
{
    private const string Kind = "user";

    /// <param name="found">For each user its account, or null.</param>
    /// <param name="roleIds">By folded name.</param>
    public void Add(IReadOnlyList<ManifestUser> users, Account?[] found, Dictionary<string, Guid> roleIds)
    {
        var hashes = HashesOf(users, found);
        for (var i = 0; i < users.Count; i++)
        {
            if (found[i] is { } account)
                Change(account, users[i], roleIds);
            else
                Create(users[i], hashes[i]!, RolesOf(users[i], roleIds));
        }
    }

    /// <summary>Hashes the passwords of those that must be made, on all cores; null for the others.</summary>
    private string?[] HashesOf(IReadOnlyList<ManifestUser> users, Account?[] found)
    {
        var given = users.Select((user, i) => found[i] is null ? PasswordOf(user) : null).ToArray();
        var hashes = new string?[given.Length];
        Parallel.For(0, given.Length, i => hashes[i] = given[i] is { } password ? hasher.HashPassword(new User(), password) : null);
        return hashes;
    }

    private string PasswordOf(ManifestUser user)
    {
        if (user.Password is not { } given)
            throw new JsonMistake($"{user.Path}.password", "is missing, and the account does not exist yet.");
        var password = given.Read();
        var asked = LoginName.IsWellFormed(password) ? policy.Refuse(password, user.UserName, user.Email) : policy.Requirements;
        return asked is null ? password : throw new JsonMistake(given.Path, $"is refused. {asked}");
    }

    private void Create(ManifestUser user, string hash, HashSet<Guid> roles)
    {
        var row = new User
        {
            Id = Guid.NewGuid(),
            UserName = user.Name,
            NormalizedUserName = LoginName.Fold(user.Name),
            Email = user.Email,
            NormalizedEmail = user.Email is null ? null : LoginName.Fold(user.Email),
            // The operator vouches for the address.
            EmailConfirmed = user.Email is not null,
            PasswordHash = hash,
            SecurityStamp = SecurityStamps.Create(),
            FullName = user.FullName,
            Age = user.Age,
            Gender = user.Gender,
            Profile = ProfileSection.Patch("{}", user),
            PhoneNumber = user.PhoneNumber,
            PhoneNumberConfirmed = user.PhoneNumber is not null,
            CreatedAt = timeProvider.GetUtcNow(),
            DisabledAt = user.IsDisabled ? timeProvider.GetUtcNow() : null,
        };
        plan.Create(Kind, user.Name, [row, .. Memberships(row, roles)]);
    }

    private void Change(Account account, ManifestUser user, Dictionary<string, Guid> roleIds)
    {
        var row = account.Row;
        var differences = Compare(account, user, roleIds, timeProvider);
        if (differences.Members.Contains("disabled") && user.IsDisabled)
            plan.EndedUsers.Add(row.Id);
        if (differences.Members.Contains("roles"))
        {
            var roles = RolesOf(user, roleIds);
            var gained = Memberships(row, roles.Except(account.RoleIds));
            var lost = Memberships(row, account.RoleIds.Except(roles));
            plan.Also(db => { db.AddRange(gained); db.RemoveRange(lost); });
        }
        plan.Change(Kind, user.Name, row, differences);
    }

    /// <summary>Of the members that the user's entry says.</summary>
    public static Differences Compare(Account account, ManifestUser user, Dictionary<string, Guid> roleIds, TimeProvider timeProvider)
    {
        var row = account.Row;
        var differences = new Differences();
        if (user.Says("username"))
            differences.Compare("username", row.UserName, user.Name, name => (row.UserName, row.NormalizedUserName) = (name, LoginName.Fold(name!)));
        if (user.Says("email"))
        {
            differences.Compare("email", (row.Email, row.EmailConfirmed), (user.Email, user.Email is not null),
                _ => (row.Email, row.NormalizedEmail, row.EmailConfirmed) = (user.Email, user.Email is { } email ? LoginName.Fold(email) : null, user.Email is not null));
        }
        if (user.Says("full_name"))
            differences.Compare("full_name", row.FullName, user.FullName, name => row.FullName = name);
        if (user.Says("age"))
            differences.Compare("age", row.Age, user.Age, age => row.Age = age);
        if (user.Says("gender"))
            differences.Compare("gender", row.Gender, user.Gender, gender => row.Gender = gender);
        if (user.Says("phone_number"))
        {
            differences.Compare("phone_number", (row.PhoneNumber, row.PhoneNumberConfirmed), (user.PhoneNumber, user.PhoneNumber is not null),
                phone => (row.PhoneNumber, row.PhoneNumberConfirmed) = phone);
        }
        // PostgreSQL keeps a jsonb in an order and spacing of its own.
        var profile = ProfileSection.Patch(row.Profile, user);
        if (!JsonNode.DeepEquals(JsonNode.Parse(row.Profile), JsonNode.Parse(profile)))
            differences.Add("profile", () => row.Profile = profile);
        if (differences.Members.Count > 0)
            differences.Also(() => row.UpdatedAt = timeProvider.GetUtcNow());
        if (user.Says("disabled"))
            differences.Compare("disabled", row.DisabledAt is not null, user.IsDisabled, disabled => row.DisabledAt = disabled ? timeProvider.GetUtcNow() : null);
        if (user.Says("roles") && !RolesOf(user, roleIds).SetEquals(account.RoleIds))
            differences.Add("roles", () => { });
        return differences;
    }

    /// <summary>A role that is gone is no member's.</summary>
    private static HashSet<Guid> RolesOf(ManifestUser user, Dictionary<string, Guid> roleIds) =>
        [.. user.Roles.Select(LoginName.Fold).Where(roleIds.ContainsKey).Select(role => roleIds[role])];

    private static IdentityUserRole<Guid>[] Memberships(User row, IEnumerable<Guid> roles) =>
        [.. roles.Select(role => new IdentityUserRole<Guid> { UserId = row.Id, RoleId = role })];
}
