using System.Diagnostics;

namespace Faults;

/// <summary>Reads the ledger and asks the programs for the effect of every entry.</summary>
internal sealed class Checks(World world, Tally tally)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>How long a dead token may still be accepted; we promise a second.</summary>
    private static readonly TimeSpan Spread = TimeSpan.FromSeconds(1.5);

    /// <summary>How long the message of an accepted reset may take.</summary>
    public TimeSpan MailPatience { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>Lifetimes are so short that grants and tokens may have expired by themselves.</summary>
    public bool LivingMayExpire { get; init; }

    /// <summary>An access token of a live grant may be refused as not yet valid, by the verifier's clock.</summary>
    public bool LivingMayBeRefused { get; init; }

    private readonly Dictionary<string, Grant> _grants = [];
    private readonly Dictionary<string, User> _users = [];
    private int _turn;

    private sealed class Grant(string user, string client)
    {
        public string User => user;
        public string Client => client;
        public List<string> Refresh { get; } = [];
        public string Access { get; set; } = "";
        public HashSet<string> DeadAccess { get; } = [];
        public bool IsEnded { get; set; }
        public bool IsUnsure { get; set; }
    }

    private sealed class User
    {
        public List<string> Passwords { get; } = [];
        public Dictionary<string, string?> Items { get; } = [];
        public HashSet<string> UnsureItems { get; } = [];
        public bool IsUnsure { get; set; }
        public int AskedResets { get; set; }
    }

    public async Task RunAsync()
    {
        foreach (var node in world.Nodes.Where(node => node.HasDied).ToList())
        {
            tally.Require(false, $"{node.Name} stays up: it ended by itself");
            // Start it again: otherwise every check would wait for its answer until the timeout.
            node.Start();
            await node.IsReadyAsync();
        }
        foreach (var entry in world.Ledger.Read())
            Replay(entry);
        // Lets the last revocations reach every node.
        await Task.Delay(Spread);

        await EachAsync(_users, pair => CheckUserAsync(pair.Key, pair.Value));
        var grants = _grants.Values.Where(grant => !grant.IsUnsure).ToList();
        await EachAsync(grants.Where(grant => grant.IsEnded), grant => CheckDeadAsync(grant, "ended"));
        await EachAsync(grants, CheckDeadAccessAsync);
        if (LivingMayExpire)
            return;
        var alive = grants.Where(grant => !grant.IsEnded).ToList();
        await EachAsync(alive, CheckAliveAsync);
        // Replaying a spent token ends its whole grant, and every token of it.
        var replayed = alive.Where(grant => grant.Refresh.Count > 3).ToList();
        await EachAsync(replayed, ReplaySpentAsync);
        await Task.Delay(Spread);
        await EachAsync(replayed.Where(grant => grant.IsEnded), grant => CheckDeadAsync(grant, "ended by a replay"));
    }

    private void Replay(Entry entry)
    {
        switch (entry.Kind)
        {
            case "user" or "password":
                Find(_users, entry.Subject!, () => new User()).Passwords.Add(entry.Secret!);
                break;
            case "grant" or "rotate":
                var grant = Find(_grants, entry.Grant!, () => new Grant(entry.Subject!, entry.Client!));
                grant.Refresh.Add(entry.Secret!);
                grant.Access = entry.Access!;
                break;
            case "end":
                _grants[entry.Grant!].IsEnded = true;
                break;
            case "end-token":
                _grants[entry.Grant!].DeadAccess.Add(entry.Access!);
                break;
            case "asked":
                Find(_users, entry.Subject!, () => new User()).AskedResets++;
                break;
            case "put":
                _users[entry.Subject!].Items[entry.Key!] = entry.Secret;
                break;
            case "delete":
                _users[entry.Subject!].Items[entry.Key!] = null;
                break;
            case "unsure" when entry.Key is not null:
                _users[entry.Subject!].UnsureItems.Add(entry.Key);
                break;
            case "unsure" when entry.Grant is not null:
                _grants[entry.Grant].IsUnsure = true;
                break;
            case "unsure":
                Find(_users, entry.Subject!, () => new User()).IsUnsure = true;
                break;
            default:
                throw new InvalidOperationException($"The ledger holds a {entry.Kind}.");
        }
    }

    private async Task CheckUserAsync(string name, User user)
    {
        // Another node takes over a killed node's message when the lease expires.
        if (user.AskedResets > 0 && !await world.Mail.HoldsAsync(Requests.Email(name), user.AskedResets, MailPatience))
            tally.Lost("the message of a password reset that was accepted");
        if (user.IsUnsure)
            return;
        var signedIn = await AskAsync(world.Servers, () => Requests.Login(name, user.Passwords[^1]));
        if (signedIn.Status != 200)
        {
            Miss(signedIn, user.Passwords.Count > 1 ? "password reset" : "registration");
            return;
        }
        if (user.Passwords.Count > 1 && (await AskAsync(world.Servers, () => Requests.Login(name, user.Passwords[^2]))).Status == 200)
            tally.Resurrected("the password before a reset");

        var access = signedIn.Data.GetProperty("access_token").GetString()!;
        foreach (var (key, value) in user.Items)
        {
            if (user.UnsureItems.Contains(key))
                continue;
            var read = await AskAsync(world.Apis, () => Requests.Get(access, key));
            if (value is null && read.Status == 200)
                tally.Resurrected("deleted data");
            else if (value is not null && read.Status != 200)
                Miss(read, "data");
            else if (value is not null && read.Data.GetProperty("value").GetString() != value)
                tally.Lost("an update of data");
        }
    }

    private async Task CheckAliveAsync(Grant grant)
    {
        if (!grant.DeadAccess.Contains(grant.Access) && !LivingMayBeRefused)
        {
            foreach (var api in world.Apis)
            {
                var read = await AskAsync([api], () => Requests.List(grant.Access));
                if (read.Status != 200)
                    Miss(read, "an access token of a living grant");
            }
        }
        var spent = await AskAsync(world.Servers, () => Requests.Refresh(grant.Client, grant.Refresh[^1]));
        if (spent.Status != 200)
        {
            Miss(spent, $"the newest refresh token of a living grant, generation {grant.Refresh.Count - 1}");
            grant.Refresh.Clear();
            return;
        }
        grant.Refresh.Add(spent.Text("refresh_token"));
        grant.Access = spent.Text("access_token");
    }

    private async Task ReplaySpentAsync(Grant grant)
    {
        var replayed = await AskAsync(world.Servers, () => Requests.Refresh(grant.Client, grant.Refresh[^4]));
        if (replayed.Status == 200)
            tally.Resurrected("a spent refresh token");
        else if (replayed.Status != 400)
            Miss(replayed, "the refusal of a spent refresh token");
        grant.IsEnded = true;
    }

    private async Task CheckDeadAsync(Grant grant, string why)
    {
        foreach (var server in world.Servers)
        {
            if ((await AskAsync([server], () => Requests.Refresh(grant.Client, grant.Refresh[^1]))).Status == 200)
                tally.Resurrected($"a refresh token, {why}");
        }
        foreach (var api in world.Apis)
        {
            if ((await AskAsync([api], () => Requests.List(grant.Access))).Status == 200)
                tally.Resurrected($"an access token, {why}");
        }
        if (grant.Client == Requests.ClientId)
        {
            foreach (var server in world.Servers)
            {
                var told = await AskAsync([server], () => Requests.Introspect(grant.Access));
                if (told.Status == 200 && told.Json.GetProperty("active").GetBoolean())
                    tally.Resurrected($"an access token at introspection, {why}");
            }
        }
    }

    private async Task CheckDeadAccessAsync(Grant grant)
    {
        foreach (var access in grant.DeadAccess)
        {
            foreach (var api in world.Apis)
            {
                if ((await AskAsync([api], () => Requests.List(access))).Status == 200)
                    tally.Resurrected("an access token that was revoked by itself");
            }
        }
    }

    /// <summary>Asks until there is a yes or no: nothing is broken any more.</summary>
    private async Task<Answer> AskAsync(IReadOnlyList<Target> targets, Func<HttpRequestMessage> make)
    {
        var start = Stopwatch.GetTimestamp();
        var first = Interlocked.Increment(ref _turn);
        for (var attempt = first; ; attempt++)
        {
            var answer = await targets[attempt % targets.Count].AskAsync(make());
            if (answer is { IsBroken: false, IsRefusal: false } || Stopwatch.GetElapsedTime(start) > Patience)
                return answer;
            await Task.Delay(TimeSpan.FromMilliseconds(50));
        }
    }

    /// <summary>A 4xx says that it is gone; anything else does not answer the question.</summary>
    private void Miss(Answer answer, string what)
    {
        if (answer.Status is >= 400 and < 500)
            tally.Lost($"{what} ({answer.Status} {answer.Code})");
        else
            tally.Wrong($"check of {what}: {answer.Status} {answer.Code}");
    }

    private static Task EachAsync<T>(IEnumerable<T> all, Func<T, Task> check) =>
        Parallel.ForEachAsync(all, new ParallelOptions { MaxDegreeOfParallelism = 12 }, async (one, _) => await check(one));

    private static TValue Find<TValue>(Dictionary<string, TValue> all, string key, Func<TValue> create)
    {
        if (!all.TryGetValue(key, out var value))
            all[key] = value = create();
        return value;
    }
}
