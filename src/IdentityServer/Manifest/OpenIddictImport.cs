using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Clients;
using IdentityServer.Http;
using IdentityServer.Protocol;
using IdentityServer.Protocol.ClientDescriptions;
using IdentityServer.Storage;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using OpenIddict.Abstractions;

namespace IdentityServer.Manifest;

/// <summary>
/// Brings in the clients, scopes and consents of another OpenIddict server. One transaction, under the start lock: all that can be, or
/// nothing. What is here already is left as it is, so twice is once.
/// </summary>
internal sealed class OpenIddictImport(PasswordSettings passwords, MutualTlsSettings mutualTls, IServiceScopeFactory scopes, TimeProvider timeProvider)
{
    /// <summary>The exit code where something could not come in.</summary>
    public const int Incomplete = 3;

    private const string Resource = "resource";

    /// <summary>All clients of a server are in its memory.</summary>
    private const int MostItems = 10_000;

    /// <exception cref="StartupException">Nothing came in, or, with <see cref="Incomplete"/>, not all did.</exception>
    public async Task RunAsync(NpgsqlConnection connection, CommandLine command, CancellationToken cancellationToken)
    {
        var report = await ImportAsync(connection, command.File!, command.IsDryRun, cancellationToken);
        foreach (var line in report.Lines)
            Console.WriteLine(line);
        if (command.IsDryRun)
            Console.WriteLine("Dry run: nothing was changed.");
        if (!report.IsComplete)
            throw new StartupException("Not everything can be brought in: see the lines that begin with an exclamation mark.") { ExitCode = Incomplete };
    }

    /// <param name="connection">That which holds the start lock: clients and resources are written under it only.</param>
    public async Task<ImportReport> ImportAsync(NpgsqlConnection connection, string other, bool isDryRun, CancellationToken cancellationToken)
    {
        var registered = await Registered.ReadAsync(connection, cancellationToken);
        await using var source = await OpenIddictDatabase.OpenAsync(other, cancellationToken);
        await using var scope = scopes.CreateAsyncScope();
        var (plan, report) = (new Plan(), new ImportReport());
        try
        {
            var served = await AddScopesAsync(plan, report, source, registered, cancellationToken);
            var clients = await AddClientsAsync(plan, report, source, registered, served, scope.ServiceProvider.GetRequiredService<ApplicationManager>(), cancellationToken);

            var db = scope.ServiceProvider.GetRequiredService<AuthDb>();
            await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
            await plan.WriteAsync(scope.ServiceProvider, timeProvider.GetUtcNow(), cancellationToken);
            await new ConsentImport(report, clients, registered, timeProvider).WriteAsync(db, source, cancellationToken);
            if (isDryRun)
                return report;
            if (plan.Changes.Count > 0)
                await ConfigurationRows.AnnounceAsync(db, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            return report;
        }
        // An account or a client that was written or removed meanwhile, by a person or by itself (RFC 7591).
        catch (Exception raced) when (raced is DbUpdateException or OpenIddictExceptions.ConcurrencyException)
        {
            throw new StartupException($"Nothing was brought in, try again: {(raced.InnerException ?? raced).Message.ReplaceLineEndings(" ")}", raced);
        }
    }

    /// <returns>All scopes that there are then.</returns>
    private static async Task<HashSet<string>> AddScopesAsync(Plan plan, ImportReport report, OpenIddictDatabase source, Registered registered, CancellationToken cancellationToken)
    {
        var served = registered.Resources.Values.SelectMany(resource => resource.Scopes).Concat(Scopes.AboutUsers.Tokens).ToHashSet(StringComparer.Ordinal);
        var resources = new SortedDictionary<string, List<string>>(StringComparer.Ordinal);
        var added = new List<string>();
        await foreach (var scope in Bounded(source.ReadScopesAsync(cancellationToken), "scopes", cancellationToken))
        {
            var name = ImportReport.Shown(scope.Name);
            if (served.Contains(scope.Name ?? ""))
                report.Left($"scope {name} is here already");
            else if (TryPlace(scope, registered, resources, report))
                added.Add(name);
        }
        foreach (var (identifier, names) in resources)
        {
            if (registered.Resources.TryGetValue(identifier, out var row))
            {
                plan.Change(Resource, row, has => Compare(has, names));
                continue;
            }
            plan.Create(Resource, identifier, new ResourceRow { Identifier = identifier, Scopes = [.. names] });
            report.Added($"{Resource} {identifier}");
        }
        added.ForEach(name => report.Added($"scope {name}"));
        served.UnionWith(resources.Values.SelectMany(names => names));
        return served;
    }

    /// <summary>Puts a scope at those of its resources that fit.</summary>
    private static bool TryPlace(ForeignScope scope, Registered registered, SortedDictionary<string, List<string>> resources, ImportReport report)
    {
        var name = ImportReport.Shown(scope.Name);
        var isPlaced = false;
        try
        {
            var identifiers = OpenIddictClient.Texts(scope.Resources, "Resources");
            if (identifiers.Length == 0)
                throw new JsonMistake("Resources", "is empty, and here a scope is of a resource.");
            foreach (var identifier in identifiers)
            {
                var members = new JsonObject { ["identifier"] = identifier, ["scopes"] = new JsonArray(scope.Name) };
                try
                {
                    var resource = ResourceSection.Read(new Node(JsonElement.Parse(members.ToJsonString()), "$"));
                    var names = resources.GetValueOrDefault(identifier) ?? [];
                    if (names.Count + (registered.Resources.GetValueOrDefault(identifier)?.Scopes.Length ?? 0) >= ScopeSet.MaximumCount)
                        throw new JsonMistake(Resource, $"{identifier} has {ScopeSet.MaximumCount} scopes already.");
                    names.Add(resource.Scopes[0]);
                    resources[identifier] = names;
                    isPlaced = true;
                }
                catch (JsonMistake mistake)
                {
                    report.Refused("scope", name, mistake);
                }
            }
        }
        catch (JsonMistake mistake)
        {
            report.Refused("scope", name, mistake);
        }
        return isPlaced;
    }

    private static Differences Compare(ResourceRow has, List<string> names)
    {
        var differences = new Differences();
        differences.CompareMembers("scopes", has.Scopes, [.. has.Scopes.Union(names)], all => has.Scopes = all);
        return differences;
    }

    /// <returns>Those that come in, each with whether it remembers what its users allowed.</returns>
    private async Task<Dictionary<string, (string[] Scopes, bool Remembers)>> AddClientsAsync(
        Plan plan, ImportReport report, OpenIddictDatabase source, Registered registered, HashSet<string> served, ApplicationManager manager, CancellationToken cancellationToken)
    {
        var clients = new Dictionary<string, (string[], bool)>(StringComparer.Ordinal);
        await foreach (var application in Bounded(source.ReadApplicationsAsync(cancellationToken), "applications", cancellationToken))
        {
            var name = ImportReport.Shown(application.ClientId);
            if (registered.Clients.ContainsKey(application.ClientId ?? ""))
            {
                report.Left($"client {name} is here already");
                continue;
            }
            try
            {
                var left = new List<string>();
                var client = OpenIddictClient.Read(application, served, left);
                var row = ClientPlan.NewRow(client);
                ManifestClientRules.Check(client, row, passwords, mutualTls);
                await RequireValidAsync(manager, row, cancellationToken);
                if (!clients.TryAdd(client.ClientId, (client.Scopes, application.ConsentType is null or OpenIddictConstants.ConsentTypes.Explicit or OpenIddictConstants.ConsentTypes.External)))
                    throw new JsonMistake("ClientId", "is that of another application already.");
                plan.Create(client.Kind, client.ClientId, row);
                report.Added($"client {name}");
                left.ForEach(what => report.Refused($"client {name} comes without: {what}"));
            }
            catch (JsonMistake mistake)
            {
                report.Refused("client", name, mistake);
            }
        }
        return clients;
    }

    /// <summary>What OpenIddict's manager refuses beside.</summary>
    private static async Task RequireValidAsync(ApplicationManager manager, ClientRow client, CancellationToken cancellationToken)
    {
        var application = new ApplicationRow();
        client.WriteTo(application);
        await foreach (var mistake in manager.ValidateAsync(application, cancellationToken))
            throw new JsonMistake("as OpenIddict says:", (mistake.ErrorMessage ?? "").ReplaceLineEndings(" "));
    }

    private static async IAsyncEnumerable<T> Bounded<T>(IAsyncEnumerable<T> items, string what, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var count = 0;
        await foreach (var item in items.WithCancellation(cancellationToken))
        {
            if (++count > MostItems)
                throw new StartupException($"Nothing was brought in: the database of CONNECTION has more than {MostItems} {what}.");
            yield return item;
        }
    }
}
