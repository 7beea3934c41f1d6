using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection.KeyManagement;

namespace IdentityServer.Keys;

/// <summary>
/// Whether the certificate is the one that the key ring was made with. Asked before anything is protected or opened, and
/// before a key is added: to a ring that it can't open, Data Protection would add a key of its own, under the wrong certificate.
/// </summary>
internal sealed class KeyRingCheck(IKeyManager ring)
{
    /// <summary>One key is enough: those of a certificate that was replaced may stand beside.</summary>
    public bool OpensAny() => ring.GetAllKeys().Any(Opens);

    /// <summary>The ring is another certificate's: there are keys, and none opens.</summary>
    public bool OpensNone() => ring.GetAllKeys() is { Count: > 0 } keys && !keys.Any(Opens);

    private static bool Opens(IKey key)
    {
        try
        {
            return key.CreateEncryptor() is not null;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }
}
