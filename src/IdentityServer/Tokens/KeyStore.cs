using System.Buffers.Binary;
using System.Security.Cryptography;
using IdentityServer.Configuration;
using IdentityServer.Settings;
using IdentityServer.Storage;
using Jose;
using LocalPostgres;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;

namespace IdentityServer.Tokens;

/// <summary>Makes, reads and rotates the keys. Their private parts leave this class protected or not at all.</summary>
internal sealed partial class KeyStore(
    IDataProtectionProvider protection, TimeProvider time, SigningKeySettings settings, RefreshTokenSettings refreshTokens,
    CurrentKeys current, ILogger<KeyStore> log)
{
    /// <summary>The algorithm of the MAC on refresh tokens; its keys are never published.</summary>
    private const string HandleAlgorithm = "HS256";

    private static readonly string[] Algorithms = [JwsAlgorithms.ES256, JwsAlgorithms.RS256, HandleAlgorithm];

    /// <summary>How far clocks may differ between who signs and who verifies.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(60);

    private readonly IDataProtector _protector = protection.CreateProtector("IdentityServer.Keys");
    private readonly Dictionary<string, SigningKey> _imported = [];

    /// <summary>Makes what is missing. Under the start lock.</summary>
    public async Task EnsureAsync(AuthDb db, CancellationToken cancellation)
    {
        var known = await db.Keys.Select(key => key.Algorithm).Distinct().ToListAsync(cancellation);
        foreach (var algorithm in Algorithms.Except(known))
            db.Keys.Add(Create(algorithm, time.GetUtcNow()));
        if (db.ChangeTracker.HasChanges())
        {
            await db.SaveChangesAsync(cancellation);
            await ConfigurationReader.AnnounceAsync(db, cancellation);
        }
    }

    public async Task ReadAsync(AuthDb db, CancellationToken cancellation)
    {
        var rows = await db.Keys.AsNoTracking().OrderBy(key => key.SignsFrom).ToListAsync(cancellation);
        try
        {
            current.Value = new KeyRing(
                [.. rows.Where(row => row.Algorithm != HandleAlgorithm).Select(row => new PublishedKey(Import(row), row.SignsFrom, row.RetiresAt))],
                [.. rows.Where(row => row.Algorithm == HandleAlgorithm).Select(row => new HandleKey(NumberOf(row.KeyId), _protector.Unprotect(row.ProtectedKey), row.SignsFrom))],
                time);
        }
        catch (CryptographicException wrongCertificate)
        {
            throw new StartupException("The keys in the database can't be opened: DataProtection:CertificatePath names another certificate than the one that protects them.", wrongCertificate);
        }
    }

    /// <summary>Publishes a successor for each key that nears its end. One node at a time; every node may try.</summary>
    public async Task RotateAsync(AuthDb db, CancellationToken cancellation)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        await db.Database.ExecuteSqlRawAsync("LOCK TABLE keys IN SHARE ROW EXCLUSIVE MODE", cancellation);
        var now = time.GetUtcNow();
        var longest = TimeSpan.FromSeconds(await db.Configuration.Select(row => row.LongestAccessToken).SingleAsync(cancellation));
        foreach (var keys in (await db.Keys.ToListAsync(cancellation)).GroupBy(key => key.Algorithm))
        {
            var newest = keys.MaxBy(key => key.SignsFrom)!;
            if (newest.SignsFrom + settings.Lifetime - settings.PublishAhead > now)
                continue;

            var ends = newest.SignsFrom + settings.Lifetime;
            var successor = Create(keys.Key, signsFrom: ends < now + settings.PublishAhead ? now + settings.PublishAhead : ends);
            var lastTokenLives = keys.Key == HandleAlgorithm ? refreshTokens.Lifetime + refreshTokens.Leeway : longest;
            foreach (var old in keys.Where(key => key.RetiresAt is null))
                old.RetiresAt = successor.SignsFrom + lastTokenLives + ClockSkew;
            db.Keys.Add(successor);
            LogPublished(successor.KeyId, successor.Algorithm, successor.SignsFrom);
        }
        if (db.ChangeTracker.HasChanges())
        {
            await db.SaveChangesAsync(cancellation);
            await ConfigurationReader.AnnounceAsync(db, cancellation);
        }
        await transaction.CommitAsync(cancellation);
    }

    private KeyRow Create(string algorithm, DateTimeOffset signsFrom)
    {
        string keyId;
        byte[] secret;
        if (algorithm == HandleAlgorithm)
        {
            secret = RandomNumberGenerator.GetBytes(32);
            keyId = Base64Url.Encode(RandomNumberGenerator.GetBytes(16));
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
