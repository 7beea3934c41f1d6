using System.Security.Cryptography;
using Dpop;
using IdentityServer.Keys;

namespace IdentityServer.Protocol.Dpop;

/// <summary>
/// The nonces of RFC 9449 §8. Each belongs to a time step and is keyed by a key derived from that time's handle key: every
/// node can check every nonce, and none is stored.
/// </summary>
internal sealed class DpopNonces(CurrentKeys keys, DpopSettings settings, TimeProvider timeProvider)
{
    /// <summary>The nonce to use from now on.</summary>
    public string Current() => Write(StepAt(timeProvider.GetUtcNow()));

    /// <summary>Accepts this step and the one before, and the next, which a node whose clock is ahead may have handed out.</summary>
    /// <param name="isCurrent">False: it is accepted, but there is a newer one.</param>
    public bool Accepts(string nonce, out bool isCurrent)
    {
        var now = StepAt(timeProvider.GetUtcNow());
        isCurrent = false;
        if (!DpopNonce.TryReadStep(nonce, out var step) || step < now - 1 || step > now + 1)
            return false;
        isCurrent = step >= now;
        Span<byte> key = stackalloc byte[HMACSHA256.HashSizeInBytes];
        DeriveKey(step, key);
        return DpopNonce.IsGenuine(nonce, key);
    }

    private string Write(long step)
    {
        Span<byte> key = stackalloc byte[HMACSHA256.HashSizeInBytes];
        DeriveKey(step, key);
        return DpopNonce.Write(key, step);
    }

    private long StepAt(DateTimeOffset moment) => moment.ToUnixTimeSeconds() / (long)settings.NonceLifetime.TotalSeconds;

    /// <summary>A separate key for nonces, so that a nonce reveals nothing about handles.</summary>
    private void DeriveKey(long step, Span<byte> key)
    {
        var began = DateTimeOffset.FromUnixTimeSeconds(step * (long)settings.NonceLifetime.TotalSeconds);
        HMACSHA256.HashData(keys.Value.Handles.At(began).Secret, "IdentityServer DPoP nonce"u8, key);
    }
}
