using IdentityServer.Accounts.Passwords;
using IdentityServer.Accounts.Sessions;
using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Http;
using IdentityServer.Protocol.ClientDescriptions;
using IdentityServer.Protocol.Grants;
using IdentityServer.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using OpenIddict.Abstractions;

namespace IdentityServer.Manifest;

/// <summary>
/// Applies a manifest: creates what is missing, changes what differs, removes nothing unless told to prune. One
/// transaction, under the start lock: all of it or nothing, one node at a time, and twice is once. What is left out of the file stays
/// as it is. A person applies all that the file says; a start leaves what was changed since (<see cref="StandingLimits"/>).
/// Pruning removes clients, resources and roles of the sections that the file has; accounts never.
/// </summary>
internal sealed partial class ManifestApplication(
    ManifestSettings settings, ClientSecrets secrets, IPasswordHasher<User> hasher, PasswordSettings passwords, MutualTlsSettings mutualTls, PasswordPolicy policy,
    UserGrants userGrants, SessionEnding sessions, IServiceScopeFactory scopes, TimeProvider timeProvider, ILogger<ManifestApplication> logger)
{
    private const int Attempts = 3;

    /// <summary>What the command is to apply, read and checked before the database is asked for anything; null: nothing.</summary>
    public ManifestDocument? Read(CommandLine command)
    {
        var (file, setting) = command.Command switch
        {
            CommandLine.Apply or CommandLine.Plan => (command.File, null),
            CommandLine.Serve => (settings.File, ManifestSettings.Name),
            _ => default((string?, string?)),
        };
        return file is null ? null : ManifestReader.Read(file, Environment.GetEnvironmentVariable, setting, settings.ShortestSecret);
    }

    public async Task<ChangeList> ApplyAsync(NpgsqlConnection connection, ManifestDocument manifest, CommandLine command, CancellationToken cancellationToken)
    {
        var changes = await ApplyAsync(connection, manifest, command.Prune, cancellationToken, command.Command);
        if (command.Command != CommandLine.Serve)
        {
            var isPlan = command.Command == CommandLine.Plan;
            foreach (var line in isPlan ? changes.PlanLines : changes.Lines)
                Console.WriteLine(line);
            foreach (var warning in changes.Warnings)
                Console.WriteLine($"Warning: {warning}");
            Console.WriteLine($"{(isPlan ? "Plan of" : "Applied")} {manifest.Name}: {(changes.Count == 0 ? "nothing to change" : ChangeList.Counted(changes.Count))}.");
            return changes;
        }
        LogApplied(manifest.Name, changes);
        foreach (var warning in changes.Warnings)
            LogWarning(manifest.Name, warning);
        foreach (var left in changes.Left)
            LogLeft(manifest.Name, left);
        if (settings.IsBuiltIn)
        {
            foreach (var user in manifest.Users?.Where(user => user.Password is not null) ?? [])
                LogDevelopmentAccount(user.Name, user.Password!.Read());
        }
        return changes;
    }

    /// <param name="connection">That which holds the start lock: clients, resources and roles are written under it only.</param>
    /// <param name="command">Apply, the start or, which writes nothing, the plan.</param>
    public async Task<ChangeList> ApplyAsync(NpgsqlConnection connection, ManifestDocument manifest, bool prune, CancellationToken cancellationToken, string command = CommandLine.Apply)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await TryApplyAsync(connection, manifest, prune, command, cancellationToken);
            }
            catch (JsonMistake mistake)
            {
                throw ManifestReader.Refuse(manifest.Name, mistake);
            }
            catch (DbUpdateException raced) when (IsRace(raced) && attempt < Attempts)
            {
                // Someone registered or changed an account between our look and our write: look again.
            }
            catch (OpenIddictExceptions.ConcurrencyException) when (attempt < Attempts)
            {
                // The same of a scope.
            }
            // OpenIddict's own rules of an application, should one of them be stricter than ours.
            catch (OpenIddictExceptions.ValidationException refused)
            {
                throw new StartupException($"The manifest {manifest.Name} is not applied: {refused.Results[0].ErrorMessage}", refused);
            }
            catch (DbUpdateException failed)
            {
                throw new StartupException($"The manifest {manifest.Name} is not applied: {(failed.InnerException ?? failed).Message.ReplaceLineEndings(" ")}", failed);
            }
        }
    }

    private async Task<ChangeList> TryApplyAsync(NpgsqlConnection connection, ManifestDocument manifest, bool prune, string command, CancellationToken cancellationToken)
    {
        var (isStart, isWritten) = (command == CommandLine.Serve, command != CommandLine.Plan);
        var registered = await Registered.ReadAsync(connection, cancellationToken);
        var remembered = await Remembered.ReadAsync(connection, manifest.Entries, cancellationToken);
        manifest = manifest with { Clients = ClientPlan.WithHashes(manifest.Clients, registered.Clients, remembered, secrets) };
        var limits = isStart && !manifest.IsAuthoritative ? new StandingLimits(registered, remembered, timeProvider) : null;
        var accounts = await NamedAccounts.FindAsync(connection, manifest.Users ?? [], user => limits?.IsNews(user, "email") == false, cancellationToken);
        var asked = limits?.Of(manifest, accounts) ?? manifest;

        var plan = new Plan();
        ResourcePlan.Add(plan, asked.Resources ?? [], registered.Resources, prune && manifest.Resources is not null);
        var roles = RolePlan.Add(plan, asked.Roles ?? [], registered.Roles, prune && manifest.Roles is not null);
        ClientPlan.Add(plan, asked.Clients ?? [], registered.Clients, prune && manifest.Clients is not null);
        plan.Changes.Warnings = new CrossChecks(asked, registered).Check(plan.EndedClients.Where(client => !registered.Clients.ContainsKey(client)), roles);
        foreach (var client in asked.Clients ?? [])
            ManifestClientRules.Check(client, registered.Clients[client.ClientId], passwords, mutualTls);
        new UserPlan(plan, isWritten ? hasher : null, policy, timeProvider).Add(asked.Users ?? [], accounts, roles);
        plan.Changes.Left.AddRange(limits?.Left ?? []);

        remembered.Keep(manifest, asked, isStart);
        if (isWritten && plan.Changes.Count > 0)
            await WriteAsync(plan, remembered, cancellationToken);
        else if (isWritten)
            await remembered.WriteAsync(connection, cancellationToken);
        return plan.Changes;
    }

    private async Task WriteAsync(Plan plan, Remembered remembered, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<AuthDb>();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await plan.WriteAsync(scope.ServiceProvider, timeProvider.GetUtcNow(), cancellationToken);
        await remembered.WriteAsync((NpgsqlConnection)db.Database.GetDbConnection(), cancellationToken);

        var ended = new List<EndedGrants>();
        var left = new List<EndedSessions>();
        foreach (var userId in plan.EndedUsers)
        {
            if (await userGrants.EndAllAsync(db, userId, cancellationToken) is { } grants)
                ended.Add(grants);
            left.Add(await sessions.EndAllAsync(
                (NpgsqlConnection)db.Database.GetDbConnection(), userId, kept: null, new AuditNote(AuditEvents.SessionEnded, AuditReasons.Disabled, null), cancellationToken));
        }
        if (plan.EndedClients.Count > 0)
            await ClientEnding.EndAsync(db, [.. plan.EndedClients], timeProvider.GetUtcNow(), cancellationToken);
        await ConfigurationRows.AnnounceAsync(db, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
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

    [LoggerMessage(1203, LogLevel.Information, "Manifest {File} leaves {Entry}; the command apply makes it what the file says, and so does each start where that says \"authoritative\": true")]
    private partial void LogLeft(string file, string entry);

    // Of the built-in development manifest only: it stands in the repository for everyone to read.
    [LoggerMessage(1201, LogLevel.Information, "Development account {Name} was made with the password: {Password}")]
    private partial void LogDevelopmentAccount(string name, string password);
}
