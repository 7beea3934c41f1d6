using System.Text.Json.Nodes;
using IdentityServer.Passwords;
using IdentityServer.Storage;
using IdentityServer.Tokens;
using Microsoft.AspNetCore.Identity;

namespace IdentityServer.Manifest;

/// <summary>
/// Compares the accounts that the manifest names with what it says. Others are never touched, not by <c>--prune</c>
/// either: people register themselves, and a file that does not know them must not end them.
/// </summary>
internal sealed class UserPlan(Plan plan, IPasswordHasher<User> hasher, PasswordPolicy policy, TimeProvider time)
{
    private const string Kind = "user";

    /// <param name="found">For each user its account, or null.</param>
    /// <param name="roleIds">By folded name.</param>
    public void Add(IReadOnlyList<ManifestUser> users, Account?[] found, Dictionary<string, Guid> roleIds)
    {
        var hashes = HashesOf(users, found);
        for (var i = 0; i < users.Count; i++)
        {
            var roles = users[i].Roles?.Select(role => roleIds[LoginName.Fold(role)]).ToHashSet();
            if (found[i] is { } account)
                Change(account, users[i], roles);
            else
                Create(users[i], hashes[i]!, roles ?? []);
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
            throw new ManifestMistake($"{user.Path}.password", "is missing, and the account does not exist yet.");
        var password = given.Read();
        var asked = LoginName.IsWellFormed(password) ? policy.Refuse(password, user.UserName, user.Email) : policy.Requirements;
        return asked is null ? password : throw new ManifestMistake(given.Path, $"is refused. {asked}");
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
            Profile = user.Profile ?? "{}",
            PhoneNumber = user.PhoneNumber,
            PhoneNumberConfirmed = user.PhoneNumber is not null,
            CreatedAt = time.GetUtcNow(),
            DisabledAt = user.IsDisabled ? time.GetUtcNow() : null,
        };
        plan.Create(Kind, user.Name, [row, .. Memberships(row, roles)]);
    }

    private void Change(Account account, ManifestUser user, HashSet<Guid>? roles)
    {
        var row = account.Row;
        var differences = new Differences();
        differences.Compare("username", row.UserName, user.UserName ?? row.UserName, name => (row.UserName, row.NormalizedUserName) = (name, LoginName.Fold(name!)));
        if (user.Email is { } email)
            differences.Compare("email", (row.Email, row.EmailConfirmed), (email, true), _ => (row.Email, row.NormalizedEmail, row.EmailConfirmed) = (email, LoginName.Fold(email), true));
        differences.Compare("full_name", row.FullName, user.FullName ?? row.FullName, name => row.FullName = name);
        differences.Compare("age", row.Age, user.Age ?? row.Age, age => row.Age = age);
        differences.Compare("gender", row.Gender, user.Gender ?? row.Gender, gender => row.Gender = gender);
        if (user.PhoneNumber is { } phone)
            differences.Compare("phone_number", (row.PhoneNumber, row.PhoneNumberConfirmed), (phone, true), _ => (row.PhoneNumber, row.PhoneNumberConfirmed) = (phone, true));
        // PostgreSQL keeps a jsonb in an order and spacing of its own.
        if (user.Profile is { } profile && !JsonNode.DeepEquals(JsonNode.Parse(row.Profile), JsonNode.Parse(profile)))
            differences.Add("profile", () => row.Profile = profile);
        if (differences.Members.Count > 0)
            differences.Also(() => row.UpdatedAt = time.GetUtcNow());
        differences.Compare("disabled", row.DisabledAt is not null, user.IsDisabled, disabled => row.DisabledAt = disabled ? time.GetUtcNow() : null);
        if (user.IsDisabled && row.DisabledAt is null)
            plan.EndedUsers.Add(row.Id);
        if (roles is not null && !roles.SetEquals(account.RoleIds))
        {
            var gained = Memberships(row, roles.Except(account.RoleIds));
            var lost = Memberships(row, account.RoleIds.Except(roles));
            differences.Add("roles", () => { });
            plan.Also(db => { db.AddRange(gained); db.RemoveRange(lost); });
        }
        plan.Change(Kind, user.Name, row, differences);
    }

    private static IdentityUserRole<Guid>[] Memberships(User row, IEnumerable<Guid> roles) =>
        [.. roles.Select(role => new IdentityUserRole<Guid> { UserId = row.Id, RoleId = role })];
}
