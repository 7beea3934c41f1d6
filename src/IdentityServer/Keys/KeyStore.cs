using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using IdentityServer.Audit;
using IdentityServer.Protocol.Jwt;
using IdentityServer.Settings;
using IdentityServer.Storage;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.IdentityModel.Tokens;
using Npgsql;

namespace IdentityServer.Keys;

/// <summary>Creates, reads and rotates the keys. Private keys leave this class only encrypted.</summary>
internal sealed partial class KeyStore(
    NpgsqlDataSource source, IDataProtectionProvider protection, KeyRingCheck ring, TimeProvider timeProvider, SigningKeySettings settings, RefreshTokenSettings refreshTokens,
    IdTokenSettings idTokens, SessionSettings sessions,
    CurrentKeys current, ILogger<KeyStore> logger)
{
    /// <summary>The algorithm of the MAC on refresh tokens; its keys are never published.</summary>
    private const string HandleAlgorithm = "HS256";

    private static readonly string[] Algorithms = [SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.RsaSha256, HandleAlgorithm];

    /// <summary>How far the clocks of signer and verifier may differ.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(60);

    private readonly IDataProtector _protector = protection.CreateProtector("IdentityServer.Keys");
    private readonly Dictionary<string, SigningKey> _imported = [];

    /// <summary>Creates missing keys, including Data Protection's. Requires the start lock.</summary>
    public async Task EnsureAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var rows = await KeyRows.ReadAsync(connection, cancellationToken);
        if (ring.OpensNone() || (rows.Count > 0 && !ring.OpensAny()))
            throw WrongCertificate(null);
        foreach (var algorithm in Algorithms.Except(rows.Select(row => row.Algorithm)))
            await KeyRows.InsertAsync(connection, Create(algorithm, timeProvider.GetUtcNow()), cancellationToken);
    }

    /// <param name="from">The pulse's own data source, so that a full connection pool does not delay a reload.</param>
    public async Task ReadAsync(NpgsqlDataSource from, CancellationToken cancellationToken)
    {
        await using var connection = await from.OpenConnectionAsync(cancellationToken);
        var rows = await KeyRows.ReadAsync(connection, cancellationToken);
        try
        {
            current.Value = new KeyRing(
                [.. rows.Where(row => row.Algorithm != HandleAlgorithm).Select(row => new PublishedKey(Import(row), row.SignsFrom, row.RetiresAt))],
                [.. rows.Where(row => row.Algorithm == HandleAlgorithm).Select(row => new HandleKey(NumberOf(row.KeyId), _protector.Unprotect(row.ProtectedKey), row.SignsFrom))],
                timeProvider);
        }
        catch (CryptographicException wrongCertificate)
        {
            throw WrongCertificate(wrongCertificate);
        }
    }

    private static StartupException WrongCertificate(Exception? cause) =>
        new("The keys in the database can't be opened: DataProtection:CertificatePath names another certificate than the one that protects them.", cause);

    /// <summary>Publishes a successor for each key that is about to expire. One node at a time; every node may try.</summary>
    public async Task RotateAsync(CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await KeyRows.LockAsync(connection, cancellationToken);
        var now = timeProvider.GetUtcNow();
        foreach (var keys in (await KeyRows.ReadAsync(connection, cancellationToken)).GroupBy(key => key.Algorithm))
        {
            var newest = keys.MaxBy(key => key.SignsFrom)!;
            var ends = newest.SignsFrom + settings.Lifetime;
            if (ends - settings.PublishAhead > now)
                continue;
            var successor = Create(keys.Key, signsFrom: ends < now + settings.PublishAhead ? now + settings.PublishAhead : ends);
            await RetireAsync(connection, keys.Key, successor.SignsFrom, cancellationToken);
            await KeyRows.InsertAsync(connection, successor, cancellationToken);
            await AuditTrail.AppendAsync(connection, now, AuditEvents.KeysRotated, $"{successor.Algorithm} {successor.KeyId}", cancellationToken);
            LogPublished(successor.KeyId, successor.Algorithm, successor.SignsFrom);
        }
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>
    /// For when a key has leaked, or a backup brought back what had been revoked: deletes every key and signs with new ones at
    /// once. No access, refresh or reset token issued before is accepted any more, at a cost that does not grow with their
    /// number. If the certificate can't decrypt any key, those of Data Protection are deleted too and running nodes must be restarted;
    /// otherwise they follow by themselves. Requires the start lock.
    /// </summary>
    /// <returns>The number of deleted keys.</returns>
    public async Task<int> ReplaceAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (!ring.OpensAny())
        {
            // Before anything is encrypted: Data Protection reads its keys once, and on its own connection.
            await KeyRingRepository.DeleteAllAsync(connection, cancellationToken);
        }
        var now = timeProvider.GetUtcNow();
        var successors = Array.ConvertAll(Algorithms, algorithm => Create(algorithm, now));

        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var gone = await KeyRows.DeleteAllAsync(connection, cancellationToken);
        foreach (var successor in successors)
            await KeyRows.InsertAsync(connection, successor, cancellationToken);
        await AuditTrail.AppendAsync(connection, now, AuditEvents.KeysReplaced, string.Create(CultureInfo.InvariantCulture, $"{gone} keys"), cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return gone;
    }

    /// <summary>
    /// Older keys stay until the last token that they signed has expired, even one issued with a longer lifetime. An ID token
    /// is useful beyond its expiry: as <c>id_token_hint</c> it identifies its session (RP-Initiated Logout §2), which may end
    /// long after the key's last signature. The key stays published all that time; a few extra keys do a JWKS no harm.
    /// </summary>
    private async Task RetireAsync(NpgsqlConnection connection, string algorithm, DateTimeOffset successorSigns, CancellationToken cancellationToken)
    {
        TimeSpan? handleLives = algorithm == HandleAlgorithm ? refreshTokens.Lifetime + refreshTokens.Leeway : null;
        var longestIdToken = new[] { idTokens.Lifetime, sessions.Lifetime, sessions.RememberedLifetime }.Max();
        await KeyRows.RetireAsync(connection, algorithm, successorSigns, handleLives, longestIdToken, ClockSkew, cancellationToken);
    }

    private KeyRow Create(string algorithm, DateTimeOffset signsFrom)
    {
        string keyId;
        byte[] secret;
        if (algorithm == HandleAlgorithm)
        {
            secret = RandomNumberGenerator.GetBytes(32);
            keyId = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16));
        }
        else
        {
            using var key = SigningKey.Generate(algorithm);
            (secret, keyId) = (key.ExportPkcs8(), key.KeyId);
        }
        var row = new KeyRow
        {
            KeyId = keyId,
            Algorithm = algorithm,
            ProtectedKey = _protector.Protect(secret),
            CreatedAt = timeProvider.GetUtcNow(),
            SignsFrom = signsFrom,
        };
        CryptographicOperations.ZeroMemory(secret);
        return row;
    }

    // Reuse the key object, to keep its native handles across a reload.
    private SigningKey Import(KeyRow row)
    {
        if (!_imported.TryGetValue(row.KeyId, out var key))
            _imported[row.KeyId] = key = SigningKey.Import(row.Algorithm, _protector.Unprotect(row.ProtectedKey));
        return key;
    }

    private static uint NumberOf(string keyId) =>
        BinaryPrimitives.ReadUInt32BigEndian(SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(keyId)));

    [LoggerMessage(1100, LogLevel.Information, "Published key {KeyId} ({Algorithm}); it signs from {SignsFrom:O}")]
    private partial void LogPublished(string keyId, string algorithm, DateTimeOffset signsFrom);
}
