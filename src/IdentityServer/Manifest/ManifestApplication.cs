using IdentityServer.Configuration;
using IdentityServer.Passwords;
using IdentityServer.Settings;
using IdentityServer.Storage;
using IdentityServer.Tokens;
using LocalPostgres;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace IdentityServer.Manifest;

/// <summary>
/// Applies a manifest: creates what is missing, changes what differs, removes nothing unless told to prune. One
/// transaction, under the start lock: all of it or nothing, one node at a time, and twice is once.
/// Pruning removes clients, resources and roles of the sections that the file has; accounts never.
/// </summary>
internal sealed partial class ManifestApplication(
    ManifestSettings settings, ManifestMemory memory, IServiceScopeFactory services, ClientSecrets secrets, IPasswordHasher<User> hasher, PasswordSettings passwords,
    UserGrants userGrants, TimeProvider time, ILogger<ManifestApplication> log)
{
    private const int Attempts = 3;

    /// <summary>What the command is to apply, read and checked before the database is asked for anything; null: nothing.</summary>
    public ManifestDocument? Read(CommandLine command)
    {
        var file = command.Command switch
        {
            CommandLine.Apply => command.File,
            CommandLine.Serve => settings.File,
            _ => null,
        };
        return file is null ? null : ManifestReader.Read(file, passwords, Environment.GetEnvironmentVariable);
    }

    /// <summary>Applies what <see cref="Read"/> gave. At a start, one that is in force already is passed over.</summary>
    /// <param name="connection">Holds the start lock.</param>
    public async Task ApplyAsync(NpgsqlConnection connection, ManifestDocument manifest, CommandLine command, CancellationToken cancellation)
    {
        if (settings.IsBuiltIn && command.Command == CommandLine.Serve)
            LogDevelopmentAccounts(manifest);
        if (command.Command == CommandLine.Serve && await memory.IsInForceAsync(connection, manifest, cancellation))
            return;

        await using var scope = services.CreateAsyncScope();
        var changes = await ApplyAsync(scope.ServiceProvider.GetRequiredService<AuthDb>(), manifest, command.Prune, cancellation);
        await memory.RememberAsync(connection, manifest, cancellation);
        if (command.Command == CommandLine.Apply)
        {
            foreach (var line in changes.Lines)
                Console.WriteLine(line);
            Console.WriteLine($"Applied {manifest.Name}: {(changes.Count == 0 ? "nothing to change" : $"{changes.Count} changes")}.");
            return;
        }
        LogApplied(manifest.Name, changes);
    }

    private void LogDevelopmentAccounts(ManifestDocument manifest)
    {
        foreach (var user in manifest.Users?.Where(user => user.Password is not null) ?? [])
            LogDevelopmentAccount(user.Name, user.Password!());
    }

    public async Task<ChangeList> ApplyAsync(AuthDb db, ManifestDocument manifest, bool prune, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await TryApplyAsync(db, manifest, prune, cancellation);
            }
            catch (ManifestMistake mistake)
            {
                throw ManifestReader.Refuse(manifest.Name, mistake);
            }
            catch (DbUpdateException raced) when (IsRace(raced) && attempt < Attempts)
            {
                // Someone registered or changed an account between our look and our write: look again.
            }
            catch (DbUpdateException failed)
            {
                throw new StartupException($"The manifest {manifest.Name} is not applied: {(failed.InnerException ?? failed).Message.ReplaceLineEndings(" ")}", failed);
            }
        }
    }

    private async Task<ChangeList> TryApplyAsync(AuthDb db, ManifestDocument manifest, bool prune, CancellationToken cancellation)
    {
        db.ChangeTracker.Clear();
        var changes = new ChangeList();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var registered = await Registered.ReadAsync(db, cancellation);
        registered.Check(manifest, prune);

        if (manifest.Resources is { } resources)
            ResourceChanges.Apply(db, resources, registered.Resources, prune, changes);
        if (manifest.Roles is { } roles)
            RoleChanges.Apply(db, roles, registered.Roles, prune, changes);
        var endedClients = manifest.Clients is { } clients
            ? new ClientChanges(db, secrets, changes).Apply(clients, registered.Clients, prune)
            : [];
        var endedUsers = manifest.Users is { } users
            ? await new UserChanges(db, hasher, passwords, time, changes).ApplyAsync(users, registered.Roles, cancellation)
            : [];
        if (changes.Count == 0)
            return changes;

        await db.SaveChangesAsync(cancellation);
        var ended = new List<EndedGrants>();
        foreach (var userId in endedUsers)
        {
            if (await userGrants.EndAllAsync(db, userId, cancellation) is { } grants)
                ended.Add(grants);
        }
        if (endedClients.Count > 0)
            await ClientEnding.EndAsync(db, [.. endedClients], time.GetUtcNow(), cancellation);
        await ConfigurationReader.AnnounceAsync(db, cancellation);
        await transaction.CommitAsync(cancellation);
        ended.ForEach(userGrants.Announce);
        return changes;
    }

    /// <summary>Others write accounts meanwhile: a name that is taken now, a row that is another or gone.</summary>
    private static bool IsRace(DbUpdateException failed) =>
        failed is DbUpdateConcurrencyException
        || failed.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.ForeignKeyViolation or PostgresErrorCodes.DeadlockDetected };

    [LoggerMessage(1200, LogLevel.Information, "Manifest {File} is applied: {Changes}")]
    private partial void LogApplied(string file, ChangeList changes);

    // Of the built-in development manifest only: it stands in the repository for everyone to read.
    [LoggerMessage(1201, LogLevel.Information, "Development account {Name} has the password: {Password}")]
    private partial void LogDevelopmentAccount(string name, string password);
}
