using IdentityServer.Passwords;
using IdentityServer.Settings;
using IdentityServer.Storage;
using IdentityServer.Tokens;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace IdentityServer.Manifest;

/// <summary>
/// Brings the accounts that the manifest names to what it says. Others are never touched, not by <c>--prune</c> either:
/// people register themselves, and a file that does not know them must not end them.
/// </summary>
internal sealed class UserChanges(AuthDb db, IPasswordHasher<User> hasher, PasswordSettings passwords, TimeProvider time, ChangeList changes)
{
    private const string Kind = "user";

    /// <returns>The accounts that were switched off: their grants must end.</returns>
    public async Task<List<Guid>> ApplyAsync(IReadOnlyList<ManifestUser> users, Dictionary<string, Role> roles, CancellationToken cancellation)
    {
        var found = await FindAsync(users, cancellation);
        var hashes = HashesOf(users, found);
        var ids = found.OfType<User>().Select(user => user.Id).ToArray();
        var memberships = (await db.UserRoles.Where(membership => ids.Contains(membership.UserId)).ToListAsync(cancellation)).ToLookup(membership => membership.UserId);

        var ended = new List<Guid>();
        for (var i = 0; i < users.Count; i++)
        {
            var wanted = users[i].Roles?.Select(role => roles[LoginName.Fold(role)].Id).ToHashSet();
            if (found[i] is not { } user)
            {
                Create(users[i], hashes[i]!, wanted ?? []);
                continue;
            }
            if (users[i].IsDisabled && user.DisabledAt is null)
                ended.Add(user.Id);
            Change(user, users[i], wanted, [.. memberships[user.Id]]);
        }
        return ended;
    }

    /// <summary>For each of the manifest's accounts the one that it is, if there is one.</summary>
    private async Task<User?[]> FindAsync(IReadOnlyList<ManifestUser> users, CancellationToken cancellation)
    {
        var names = users.Select(user => LoginName.Fold(user.Name)).ToArray();
        var emails = users.Select(user => user.Email).OfType<string>().Select(LoginName.Fold).ToArray();
        var rows = await db.Users.Where(user => names.Contains(user.NormalizedUserName) || emails.Contains(user.NormalizedEmail)).ToListAsync(cancellation);
        var byName = rows.ToDictionary(user => user.NormalizedUserName!, StringComparer.Ordinal);
        var byEmail = rows.Where(user => user.NormalizedEmail is not null).ToDictionary(user => user.NormalizedEmail!, StringComparer.Ordinal);

        var found = new User?[users.Count];
        var places = new Dictionary<Guid, string>();
        for (var i = 0; i < users.Count; i++)
        {
            var owner = users[i].Email is { } email ? byEmail.GetValueOrDefault(LoginName.Fold(email)) : null;
            var user = byName.GetValueOrDefault(LoginName.Fold(users[i].Name));
            if (users[i].UserName is null)
                user = owner ?? user;
            else if (owner is not null && owner != user)
                throw new ManifestMistake($"{users[i].Path}.email", $"belongs to another account, {owner.UserName}.");
            if (user is not null && !places.TryAdd(user.Id, users[i].Path))
                throw new ManifestMistake(users[i].Path, $"is the same account as {places[user.Id]}.");
            found[i] = user;
        }
        return found;
    }

    /// <summary>Hashes the passwords of those that must be made, on all cores; null for the others.</summary>
    private string?[] HashesOf(IReadOnlyList<ManifestUser> users, User?[] found)
    {
        var given = users.Select((user, i) => found[i] is null ? PasswordOf(user) : null).ToArray();
        var hashes = new string?[given.Length];
        Parallel.For(0, given.Length, i => hashes[i] = given[i] is { } password ? hasher.HashPassword(new User(), password) : null);
        return hashes;
    }

    private string PasswordOf(ManifestUser user)
    {
        var path = $"{user.Path}.password";
        if (user.Password is null)
            throw new ManifestMistake(path, "is missing, and the account does not exist yet.");
        var password = user.Password();
        var length = LoginName.IsWellFormed(password) ? password.EnumerateRunes().Count() : 0;
        return length >= passwords.MinimumLength && length <= passwords.MaximumLength
            ? password
            : throw new ManifestMistake(path, $"must have {passwords.MinimumLength} to {passwords.MaximumLength} characters.");
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
            EmailConfirmed = user.Email is not null,
            PasswordHash = hash,
            SecurityStamp = SecurityStamps.Create(),
            FullName = user.FullName,
            Age = user.Age,
            Gender = user.Gender,
            CreatedAt = time.GetUtcNow(),
            DisabledAt = user.IsDisabled ? time.GetUtcNow() : null,
        };
        db.Users.Add(row);
        db.UserRoles.AddRange(roles.Select(role => new IdentityUserRole<Guid> { UserId = row.Id, RoleId = role }));
        changes.Created(Kind, user.Name);
    }

    private void Change(User row, ManifestUser user, HashSet<Guid>? roles, List<IdentityUserRole<Guid>> memberships)
    {
        var differs = new Differences();
        differs.Set("username", row.UserName, user.UserName ?? row.UserName, name => (row.UserName, row.NormalizedUserName) = (name, LoginName.Fold(name!)));
        // The operator vouches for the address.
        if (user.Email is { } email)
            differs.Set("email", (row.Email, row.EmailConfirmed), (email, true), _ => (row.Email, row.NormalizedEmail, row.EmailConfirmed) = (email, LoginName.Fold(email), true));
        differs.Set("full_name", row.FullName, user.FullName ?? row.FullName, name => row.FullName = name);
        differs.Set("age", row.Age, user.Age ?? row.Age, age => row.Age = age);
        differs.Set("gender", row.Gender, user.Gender ?? row.Gender, gender => row.Gender = gender);
        differs.Set("disabled", row.DisabledAt is not null, user.IsDisabled, disabled => row.DisabledAt = disabled ? time.GetUtcNow() : null);
        if (roles is not null && !roles.SetEquals(memberships.Select(membership => membership.RoleId)))
        {
            db.UserRoles.RemoveRange(memberships.Where(membership => !roles.Contains(membership.RoleId)));
            db.UserRoles.AddRange(roles.Except(memberships.Select(membership => membership.RoleId)).Select(role => new IdentityUserRole<Guid> { UserId = row.Id, RoleId = role }));
            differs.Members.Add("roles");
        }
        changes.Changed(Kind, user.Name, differs.Members);
    }
}
