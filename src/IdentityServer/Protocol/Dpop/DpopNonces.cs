using System.Security.Cryptography;
using Dpop;
using IdentityServer.Keys;

namespace IdentityServer.Protocol.Dpop;

/// <summary>
/// The nonces of RFC 9449 §8. Each is of a step of time, under a key that is derived from the key of handles of that time: every
/// node knows every nonce, and none is stored.
/// </summary>
internal sealed class DpopNonces(CurrentKeys keys, DpopSettings settings, TimeProvider time)
{
    /// <summary>The nonce to use from now on.</summary>
    public string Current() => Write(StepAt(time.GetUtcNow()));

    /// <summary>Of this step or the one before; of the next too, which a node whose clock is ahead has given out.</summary>
    /// <param name="isCurrent">False: it is accepted, and there is a newer one.</param>
    public bool Accepts(string nonce, out bool isCurrent)
    {
        var now = StepAt(time.GetUtcNow());
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

    /// <summary>For this purpose alone: a nonce says nothing of a handle.</summary>
    private void DeriveKey(long step, Span<byte> key)
    {
        var began = DateTimeOffset.FromUnixTimeSeconds(step * (long)settings.NonceLifetime.TotalSeconds);
        HMACSHA256.HashData(keys.Value.Handles.At(began).Secret, "IdentityServer DPoP nonce"u8, key);
    }
}
