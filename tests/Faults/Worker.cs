using System.Globalization;

namespace Faults;

/// <summary>
/// Repeats one client's story, each time with a new user: registers, signs in twice, refreshes and writes, and ends
/// one way or another. Every answer is in the ledger before the next request goes out.
/// </summary>
internal sealed class Worker(int number, World world, Tally tally, CancellationToken stop)
{
    private static readonly TimeSpan MailPatience = TimeSpan.FromSeconds(3);

    private readonly Client _client = new(tally);
    private readonly Random _chance = new();
    private int _turn;
    private int _users;

    /// <summary>A grant as its client knows it.</summary>
    private sealed record Tokens(string Grant, string Client, string Access, string Refresh);

    /// <summary>The grants of the current story that have not ended.</summary>
    private string _user = "";
    private string _password = "";

    public async Task RunAsync()
    {
        while (!stop.IsCancellationRequested)
            await TellAsync();
    }

    private async Task TellAsync()
    {
        (_user, _password) = (Name("u", ++_users), Name("a long enough password ", _users));
        if (await SendAsync("register", world.Servers, () => Requests.Register(_user, _password), 201, 400) is null)
        {
            Write(new Entry("unsure", Subject: _user));
            return;
        }
        Write(new Entry("user", _user, _password));

        if (await SignInAsync(Requests.ClientId) is not { } first || await SignInAsync(Requests.AccountApi) is not { } second)
            return;
        for (var step = _chance.Next(3, 8); step > 0 && !stop.IsCancellationRequested; step--)
        {
            if (await RefreshAsync(first) is not { } next)
                return;
            first = next;
            await StoreAsync(first, step);
        }
        if (stop.IsCancellationRequested)
            return;

        switch (_chance.Next(5))
        {
            case 0:
                if (await SendAsync("revoke", world.Servers, () => Requests.Revoke(first.Client, first.Refresh), 200) is null)
                    Write(new Entry("unsure", Grant: first.Grant));
                else
                    Write(new Entry("end", Grant: first.Grant));
                break;
            case 1:
                if (await SendAsync("logout", world.Servers, () => Requests.Logout(second.Access), 200, 401) is null)
                    Write(new Entry("unsure", Grant: second.Grant));
                else
                    Write(new Entry("end", Grant: second.Grant));
                break;
            case 2:
                if (await SendAsync("revoke access token", world.Servers, () => Requests.Revoke(second.Client, second.Access), 200) is not null)
                    Write(new Entry("end-token", Grant: second.Grant, Access: second.Access));
                else
                    Write(new Entry("unsure", Grant: second.Grant));
                break;
            case 3:
                await ResetAsync(first, second);
                break;
            default:
                // Both stay alive.
                break;
        }
    }

    private async Task<Tokens?> SignInAsync(string client)
    {
        var isForm = client == Requests.ClientId;
        var answer = await SendAsync("password", world.Servers, () => isForm ? Requests.Password(_user, _password) : Requests.Login(_user, _password), 200);
        if (answer is null)
            return null;
        var json = isForm ? answer.Json : answer.Data;
        var tokens = new Tokens(Name("g", ++_grants), client, json.GetProperty("access_token").GetString()!, json.GetProperty("refresh_token").GetString()!);
        Write(new Entry("grant", _user, tokens.Refresh, tokens.Grant, tokens.Access, Client: client));
        return tokens;
    }

    private int _grants;

    private async Task<Tokens?> RefreshAsync(Tokens old)
    {
        // An attempt that was cut may have succeeded: the same token again gets the same successor.
        var answer = await SendAsync("refresh", world.Servers, () => Requests.Refresh(old.Client, old.Refresh), 200);
        if (answer is null)
        {
            Write(new Entry("unsure", Grant: old.Grant));
            return null;
        }
        var next = old with { Access = answer.Text("access_token"), Refresh = answer.Text("refresh_token") };
        Write(new Entry("rotate", _user, next.Refresh, next.Grant, next.Access, Client: next.Client));
        return next;
    }

    private async Task StoreAsync(Tokens tokens, int step)
    {
        var key = step.ToString(CultureInfo.InvariantCulture);
        var value = Name("v", step);
        if (await SendAsync("create", world.Apis, () => Requests.Create(tokens.Access, key, value), 201, 409) is null)
        {
            Write(new Entry("unsure", Subject: _user, Key: key));
            return;
        }
        Write(new Entry("put", _user, value, Key: key));
        switch (_chance.Next(3))
        {
            case 0:
                value += " changed";
                if (await SendAsync("update", world.Apis, () => Requests.Update(tokens.Access, key, value), 200) is null)
                    Write(new Entry("unsure", Subject: _user, Key: key));
                else
                    Write(new Entry("put", _user, value, Key: key));
                break;
            case 1:
                if (await SendAsync("delete", world.Apis, () => Requests.Delete(tokens.Access, key), 200, 404) is null)
                    Write(new Entry("unsure", Subject: _user, Key: key));
                else
                    Write(new Entry("delete", _user, Key: key));
                break;
            default:
                break;
        }
    }

    private async Task ResetAsync(params Tokens[] ended)
    {
        var next = _password + " anew";
        ResetToken? token = null;
        for (var isDone = false; !isDone;)
        {
            if ((token = await FindResetTokenAsync(token?.Text)) is null)
                return;
            var reset = await SendAsync("reset", world.Servers, () => Requests.Reset(_user, token.Text, next), 200, 400, token.IsOneOfSeveral);
            // A cut attempt succeeded, or a later token has replaced this one: signing in tells which.
            var signedIn = reset is { Status: 400 } ? await SendAsync("password", world.Servers, () => Requests.Login(_user, next), 200, 401, isUnsure: true) : null;
            if (reset is null || (reset.Status == 400 && signedIn is null))
            {
                Write(new Entry("unsure", Subject: _user));
                foreach (var grant in ended)
                    Write(new Entry("unsure", Grant: grant.Grant));
                return;
            }
            isDone = signedIn is not { Status: 401 };
        }
        _password = next;
        Write(new Entry("password", _user, next));
        foreach (var grant in ended)
            Write(new Entry("end", Grant: grant.Grant));
        await SignInAsync(Requests.ClientId);
    }

    private sealed record ResetToken(string Text, bool IsOneOfSeveral);

    /// <summary>Asks until a message comes. Null: given up, and counted.</summary>
    /// <param name="known">The token of an earlier message.</param>
    private async Task<ResetToken?> FindResetTokenAsync(string? known)
    {
        var isOneOfSeveral = known is not null;
        for (var asked = 0; asked < 10; asked++)
        {
            if (await SendAsync("ask for a reset", world.Servers, () => Requests.AskReset(_user), 202) is not { } accepted)
                return null;
            Write(new Entry("asked", _user));
            isOneOfSeveral |= accepted.WasUnsure || asked > 0;
            if (await world.Mail.FindAsync(Requests.Email(_user), known, MailPatience) is { } token)
                return new ResetToken(token, isOneOfSeveral);
            world.CountMailLost();
        }
        tally.Wrong("ask for a reset: accepted ten times, and no message came");
        return null;
    }

    private async Task<Answer?> SendAsync(
        string what, IReadOnlyList<Target> targets, Func<HttpRequestMessage> make, int right, int? afterUnsure = null, bool isUnsure = false)
    {
        var answer = await _client.SendAsync(what, targets, _turn++, make, right, afterUnsure, isUnsure);
        if (answer is not null)
            tally.Acknowledge();
        // A pause, so that the load does not saturate the machine.
        await Task.Delay(TimeSpan.FromMilliseconds(4), CancellationToken.None);
        return answer;
    }

    private void Write(Entry entry) => world.Ledger.Write(entry);

    private string Name(string prefix, int count) => string.Create(CultureInfo.InvariantCulture, $"{prefix}{number}-{count}");
}
