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

/// <summary>Makes, reads and rotates the keys. Their private parts leave this class protected or not at all.</summary>
internal sealed partial class KeyStore(
    NpgsqlDataSource source, IDataProtectionProvider protection, KeyRingCheck ring, TimeProvider time, SigningKeySettings settings, RefreshTokenSettings refreshTokens,
    IdTokenSettings idTokens, SessionSettings sessions,
    CurrentKeys current, ILogger<KeyStore> log)
{
    /// <summary>The algorithm of the MAC on refresh tokens; its keys are never published.</summary>
    private const string HandleAlgorithm = "HS256";

    private static readonly string[] Algorithms = [SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.RsaSha256, HandleAlgorithm];

    /// <summary>How far clocks may differ between who signs and who verifies.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(60);

    private readonly IDataProtector _protector = protection.CreateProtector("IdentityServer.Keys");
    private readonly Dictionary<string, SigningKey> _imported = [];

    /// <summary>Makes what is missing, the key of Data Protection included. Under the start lock.</summary>
    public async Task EnsureAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        var rows = await KeyRows.ReadAsync(connection, cancellation);
        if (ring.OpensNone() || (rows.Count > 0 && !ring.OpensAny()))
            throw WrongCertificate(null);
        foreach (var algorithm in Algorithms.Except(rows.Select(row => row.Algorithm)))
            await KeyRows.InsertAsync(connection, Create(algorithm, time.GetUtcNow()), cancellation);
    }

    /// <param name="from">The pulse's own: a full pool of requests must not hold a reload up.</param>
    public async Task ReadAsync(NpgsqlDataSource from, CancellationToken cancellation)
    {
        await using var connection = await from.OpenConnectionAsync(cancellation);
        var rows = await KeyRows.ReadAsync(connection, cancellation);
        try
        {
            current.Value = new KeyRing(
                [.. rows.Where(row => row.Algorithm != HandleAlgorithm).Select(row => new PublishedKey(Import(row), row.SignsFrom, row.RetiresAt))],
                [.. rows.Where(row => row.Algorithm == HandleAlgorithm).Select(row => new HandleKey(NumberOf(row.KeyId), _protector.Unprotect(row.ProtectedKey), row.SignsFrom))],
                time);
        }
        catch (CryptographicException wrongCertificate)
        {
            throw WrongCertificate(wrongCertificate);
        }
    }

    private static StartupException WrongCertificate(Exception? cause) =>
        new("The keys in the database can't be opened: DataProtection:CertificatePath names another certificate than the one that protects them.", cause);

    /// <summary>Publishes a successor for each key that nears its end. One node at a time; every node may try.</summary>
    public async Task RotateAsync(CancellationToken cancellation)
    {
        await using var connection = await source.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await KeyRows.LockAsync(connection, cancellation);
        var now = time.GetUtcNow();
        foreach (var keys in (await KeyRows.ReadAsync(connection, cancellation)).GroupBy(key => key.Algorithm))
        {
            var newest = keys.MaxBy(key => key.SignsFrom)!;
            var ends = newest.SignsFrom + settings.Lifetime;
            if (ends - settings.PublishAhead > now)
                continue;
            var successor = Create(keys.Key, signsFrom: ends < now + settings.PublishAhead ? now + settings.PublishAhead : ends);
            await RetireAsync(connection, keys.Key, successor.SignsFrom, cancellation);
            await KeyRows.InsertAsync(connection, successor, cancellation);
            await AuditTrail.AppendAsync(connection, now, AuditEvents.KeysRotated, $"{successor.Algorithm} {successor.KeyId}", cancellation);
            LogPublished(successor.KeyId, successor.Algorithm, successor.SignsFrom);
        }
        await transaction.CommitAsync(cancellation);
    }

    /// <summary>
    /// For the day when a key got out, or a backup brought back what had been revoked: every key goes and new ones sign at
    /// once. No access, refresh or reset token issued before is accepted any more, at a cost that does not grow with their
    /// number. Where the certificate opens no key, those of Data Protection go too, and running nodes must be restarted;
    /// else they follow by themselves. Under the start lock.
    /// </summary>
    /// <returns>How many keys went.</returns>
    public async Task<int> ReplaceAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        if (!ring.OpensAny())
        {
            // Before anything is protected: Data Protection reads its keys once and on a connection of its own.
            await KeyRingRepository.DeleteAllAsync(connection, cancellation);
        }
        var now = time.GetUtcNow();
        var successors = Array.ConvertAll(Algorithms, algorithm => Create(algorithm, now));

        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        var gone = await KeyRows.DeleteAllAsync(connection, cancellation);
        foreach (var successor in successors)
            await KeyRows.InsertAsync(connection, successor, cancellation);
        await AuditTrail.AppendAsync(connection, now, AuditEvents.KeysReplaced, string.Create(CultureInfo.InvariantCulture, $"{gone} keys"), cancellation);
        await transaction.CommitAsync(cancellation);
        return gone;
    }

    /// <summary>
    /// The older keys stay until the last token that they signed is dead, also one of a time with longer lifetimes. An ID token
    /// is of use for longer than it says: as <c>id_token_hint</c> it tells of its session (RP-Initiated Logout §2), whose last day
    /// may be a long one after its key's last signature. It stays published all that time: some keys more do a JWKS no harm.
    /// </summary>
    private async Task RetireAsync(NpgsqlConnection connection, string algorithm, DateTimeOffset successorSigns, CancellationToken cancellation)
    {
        TimeSpan? handleLives = algorithm == HandleAlgorithm ? refreshTokens.Lifetime + refreshTokens.Leeway : null;
        var longestIdToken = new[] { idTokens.Lifetime, sessions.Lifetime, sessions.RememberedLifetime }.Max();
        await KeyRows.RetireAsync(connection, algorithm, successorSigns, handleLives, longestIdToken, ClockSkew, cancellation);
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
            CreatedAt = time.GetUtcNow(),
            SignsFrom = signsFrom,
        };
        CryptographicOperations.ZeroMemory(secret);
        return row;
    }

    // A key keeps its native handles over a reload.
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
