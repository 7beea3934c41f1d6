namespace IdentityServer.Accounts.Passwords;

/// <summary>
/// The password checks in progress in this process, by account. A guess is counted before it is checked, so a burst of sign-ins
/// with the right password locks the account until the first of them is checked. A sign-in refused by such a lock
/// looks here whether it has been lifted.
/// </summary>
internal sealed class PendingChecks
{
    private readonly Dictionary<object, HashSet<Check>> _accounts = [];

    public Check Enter(object account)
    {
        lock (_accounts)
        {
            if (!_accounts.TryGetValue(account, out var checks))
                _accounts[account] = checks = [];
            var check = new Check(this, account, [.. checks.Select(other => other.Verdict)]);
            checks.Add(check);
            return check;
        }
    }

    private void Leave(Check check)
    {
        lock (_accounts)
        {
            var checks = _accounts[check.Account];
            checks.Remove(check);
            if (checks.Count == 0)
                _accounts.Remove(check.Account);
        }
    }

    private Task<bool>[] OthersThan(Check check)
    {
        lock (_accounts)
            return [.. _accounts[check.Account].Where(other => other != check).Select(other => other.Verdict)];
    }

    /// <summary>One check. Disposing it counts it as wrong, unless it was marked right before.</summary>
    internal sealed class Check(PendingChecks checks, object account, Task<bool>[] before) : IDisposable
    {
        private readonly TaskCompletionSource<bool> _verdict = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public object Account => account;
        public Task<bool> Verdict => _verdict.Task;

        public void WasRight() => _verdict.TrySetResult(true);

        /// <summary>Ends this one as wrong, then waits for the others; returns whether any was right.</summary>
        public async Task<bool> YieldsToARightOneAsync(CancellationToken cancellationToken)
        {
            var others = checks.OthersThan(this);
            // Nobody waits for a check that is itself waiting.
            _verdict.TrySetResult(false);
            var verdicts = await Task.WhenAll([.. before, .. others]).WaitAsync(cancellationToken);
            return verdicts.Contains(true);
        }

        public void Dispose()
        {
            checks.Leave(this);
            _verdict.TrySetResult(false);
        }
    }
}
