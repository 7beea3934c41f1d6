using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Storage;
using IdentityServer.Telemetry;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace IdentityServer.Clients;

internal enum SecretOutcome
{
    Right,
    Wrong,
    Busy,
}

/// <summary>
/// Checks client secrets against their slow hashes, each once: after that, a keyed fast hash of the secret is
/// kept in this process, so that a client that asks for a token every second does not use up a core.
/// </summary>
internal sealed class ClientSecrets(PasswordSettings settings, ServerMetrics metrics) : IDisposable
{
    /// <summary>The most characters; a longer secret is refused unhashed.</summary>
    public const int MaximumLength = 1024;

    // Secrets are generated, not memorised, so the hash need only be slow enough for one that is too short. A start with a
    // manifest checks them all, so they must not cost as much as a user's password.
    private const int Iterations = 30_000;

    private readonly PasswordHasher<User> _hasher = new(Options.Create(new PasswordHasherOptions { IterationCount = Iterations }));
    // Not the gate for passwords, because wrong secrets must not keep users from signing in.
    private readonly HashingGate _gate = new(settings, metrics, "secrets");
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);

    /// <summary>From slow hash to fast hash. At most one entry for each registered secret.</summary>
    private readonly ConcurrentDictionary<string, byte[]> _known = new(StringComparer.Ordinal);

    public string Hash(string secret) => _hasher.HashPassword(new User(), secret);

    /// <summary>The slow hash of a new secret, which this node then knows; null: too many are waiting.</summary>
    public async ValueTask<string?> TryHashAsync(string secret, CancellationToken cancellationToken)
    {
        using var slot = await _gate.TryEnterAsync(cancellationToken);
        if (slot is null)
            return null;
        var hash = await _gate.HashAsync(() => Hash(secret));
        _known[hash] = FastHash(secret);
        return hash;
    }

    /// <summary>Whether the slow hash is of this secret; for applying a manifest, not for requests.</summary>
    public bool IsHashOf(string hash, string secret)
    {
        if (_hasher.VerifyHashedPassword(new User(), hash, secret) == PasswordVerificationResult.Failed)
            return false;
        _known[hash] = FastHash(secret);
        return true;
    }

    public async ValueTask<SecretOutcome> CheckAsync(Client client, string secret, CancellationToken cancellationToken)
    {
        if (secret.Length > MaximumLength || client.SecretHashes.Length == 0)
            return SecretOutcome.Wrong;

        var fast = FastHash(secret);
        var unknown = 0;
        foreach (var hash in client.SecretHashes)
        {
            if (!_known.TryGetValue(hash, out var known))
                unknown++;
            else if (CryptographicOperations.FixedTimeEquals(known, fast))
                return SecretOutcome.Right;
        }
        // Every secret of the client is known, and this is not one of them: a slow hash can't change that.
        return unknown == 0 ? SecretOutcome.Wrong : await CheckSlowlyAsync(client, secret, fast, cancellationToken);
    }

    private async ValueTask<SecretOutcome> CheckSlowlyAsync(Client client, string secret, byte[] fast, CancellationToken cancellationToken)
    {
        using var slot = await _gate.TryEnterAsync(cancellationToken);
        if (slot is null)
            return SecretOutcome.Busy;
        foreach (var hash in client.SecretHashes)
        {
            // Another request may have verified it while this one waited.
            if (_known.TryGetValue(hash, out var known))
            {
                if (CryptographicOperations.FixedTimeEquals(known, fast))
                    return SecretOutcome.Right;
                continue;
            }
            if (await _gate.HashAsync(() => IsHashOf(hash, secret)))
                return SecretOutcome.Right;
        }
        return SecretOutcome.Wrong;
    }

    public void Dispose() => _gate.Dispose();

    private byte[] FastHash(string secret) => HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes(secret));
}
