using System.Security.Cryptography;
using System.Text;
using Dpop;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>
/// This API's nonces (RFC 9449 §9). Their key is derived from the client secret, which all nodes of an API share, so that a nonce from one
/// works at the next. The derivation is slow, so that a nonce does not help to guess the secret.
/// </summary>
internal sealed class DpopNonces(IOptions<IdentityServerTokensOptions> options, TimeProvider timeProvider)
{
    private const int Iterations = 210_000;

    /// <summary>Seconds for which a nonce is handed out; it is accepted for up to twice that.</summary>
    private const long Step = 60;

    // Half a second of work, once, and only if nonces are required.
    private readonly Lazy<byte[]> _key = new(() => Rfc2898DeriveBytes.Pbkdf2(
        Encoding.UTF8.GetBytes(options.Value.ClientSecret), Encoding.UTF8.GetBytes("DPoP nonces of " + options.Value.Resource), Iterations, HashAlgorithmName.SHA512, 32));

    public string Current() => DpopNonce.Write(_key.Value, StepNow());

    /// <summary>Accepts this step and the one before, and the next, which a node whose clock is ahead may have handed out.</summary>
    public bool Accepts(string nonce, out bool isCurrent)
    {
        var now = StepNow();
        isCurrent = false;
        if (!DpopNonce.TryReadStep(nonce, out var step) || step < now - 1 || step > now + 1)
            return false;
        isCurrent = step >= now;
        return DpopNonce.IsGenuine(nonce, _key.Value);
    }

    private long StepNow() => timeProvider.GetUtcNow().ToUnixTimeSeconds() / Step;
}
