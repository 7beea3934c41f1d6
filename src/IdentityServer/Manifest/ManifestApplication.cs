using Hosting;
using IdentityServer.Audit;
using IdentityServer.Passwords;
using IdentityServer.Sessions;
using IdentityServer.Settings;
using IdentityServer.Storage;
using IdentityServer.Tokens;
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
    ManifestSettings settings, ClientSecrets secrets, IPasswordHasher<User> hasher, PasswordSettings passwords, PasswordPolicy policy,
    UserGrants userGrants, SessionEnding sessions, IServiceScopeFactory scopes, TimeProvider time, ILogger<ManifestApplication> log)
{
    private const int Attempts = 3;

    /// <summary>What the command is to apply, read and checked before the database is asked for anything; null: nothing.</summary>
    public ManifestDocument? Read(CommandLine command)
    {
        var (file, setting) = command.Command switch
        {
            CommandLine.Apply => (command.File, null),
            CommandLine.Serve => (settings.File, ManifestSettings.Name),
            _ => default((string?, string?)),
        };
        return file is null ? null : ManifestReader.Read(file, passwords, Environment.GetEnvironmentVariable, setting);
    }

    public async Task<ChangeList> ApplyAsync(NpgsqlConnection connection, ManifestDocument manifest, CommandLine command, CancellationToken cancellation)
    {
        var changes = await ApplyAsync(connection, manifest, command.Prune, cancellation);
        if (command.Command == CommandLine.Apply)
        {
            foreach (var line in changes.Lines)
                Console.WriteLine(line);
            foreach (var warning in changes.Warnings)
                Console.WriteLine($"Warning: {warning}");
            Console.WriteLine($"Applied {manifest.Name}: {(changes.Count == 0 ? "nothing to change" : $"{changes.Count} changes")}.");
            return changes;
        }
        LogApplied(manifest.Name, changes);
        foreach (var warning in changes.Warnings)
            LogWarning(manifest.Name, warning);
        if (settings.IsBuiltIn)
        {
            foreach (var user in manifest.Users?.Where(user => user.Password is not null) ?? [])
                LogDevelopmentAccount(user.Name, user.Password!.Read());
        }
        return changes;
    }

    /// <param name="connection">That which holds the start lock: clients, resources and roles are written under it only.</param>
    public async Task<ChangeList> ApplyAsync(NpgsqlConnection connection, ManifestDocument manifest, bool prune, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await TryApplyAsync(connection, manifest, prune, cancellation);
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

    private async Task<ChangeList> TryApplyAsync(NpgsqlConnection connection, ManifestDocument manifest, bool prune, CancellationToken cancellation)
    {
        var registered = await Registered.ReadAsync(connection, cancellation);
        var warnings = CrossChecks.Check(manifest, registered, prune);
        var users = manifest.Users ?? [];
        var accounts = await NamedAccounts.FindAsync(connection, users, cancellation);

        var plan = new Plan { Changes = { Warnings = warnings } };
        ResourcePlan.Add(plan, manifest.Resources ?? [], registered.Resources, prune && manifest.Resources is not null);
        var roles = RolePlan.Add(plan, manifest.Roles ?? [], registered.Roles, prune && manifest.Roles is not null);
        ClientPlan.Add(plan, manifest.Clients ?? [], registered.Clients, secrets, prune && manifest.Clients is not null);
        new UserPlan(plan, hasher, policy, time).Add(users, accounts, roles);
        if (plan.Changes.Count > 0)
            await WriteAsync(plan, cancellation);
        return plan.Changes;
    }

    private async Task WriteAsync(Plan plan, CancellationToken cancellation)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<AuthDb>();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        plan.WriteTo(db, time.GetUtcNow());
        await db.SaveChangesAsync(cancellation);

        var ended = new List<EndedGrants>();
        var left = new List<EndedSessions>();
        foreach (var userId in plan.EndedUsers)
        {
            if (await userGrants.EndAllAsync(db, userId, cancellation) is { } grants)
                ended.Add(grants);
            left.Add(await sessions.EndAllAsync(
                (NpgsqlConnection)db.Database.GetDbConnection(), userId, kept: null, new AuditNote(AuditEvents.SessionEnded, AuditReasons.Disabled, null), cancellation));
        }
        if (plan.EndedClients.Count > 0)
            await ClientEnding.EndAsync(db, [.. plan.EndedClients], time.GetUtcNow(), cancellation);
        await ConfigurationRows.AnnounceAsync(db, cancellation);
        await transaction.CommitAsync(cancellation);
        ended.ForEach(userGrants.Announce);
        left.ForEach(sessions.Announce);
    }

    /// <summary>Others write accounts meanwhile: a name that is taken now, a row that is another or gone.</summary>
    private static bool IsRace(DbUpdateException failed) =>
        failed is DbUpdateConcurrencyException
        || failed.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.ForeignKeyViolation or PostgresErrorCodes.DeadlockDetected };

    [LoggerMessage(1200, LogLevel.Information, "Manifest {File} is applied: {Changes}")]
    private partial void LogApplied(string file, ChangeList changes);

    [LoggerMessage(1202, LogLevel.Warning, "Manifest {File}: {Warning}")]
    private partial void LogWarning(string file, string warning);

    // Of the built-in development manifest only: it stands in the repository for everyone to read.
    [LoggerMessage(1201, LogLevel.Information, "Development account {Name} was made with the password: {Password}")]
    private partial void LogDevelopmentAccount(string name, string password);
}
