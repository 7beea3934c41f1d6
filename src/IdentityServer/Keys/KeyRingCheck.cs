using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection.KeyManagement;

namespace IdentityServer.Keys;

/// <summary>
/// Whether the certificate matches the key ring. Checked before anything is encrypted or decrypted, and
/// before a key is added: if it can't decrypt the ring, Data Protection would add a new key under the wrong certificate.
/// </summary>
internal sealed class KeyRingCheck(IKeyManager ring)
{
    /// <summary>One key is enough: the ring may also hold keys of a replaced certificate.</summary>
    public bool OpensAny() => ring.GetAllKeys().Any(Opens);

    /// <summary>The ring belongs to another certificate: there are keys, and none can be decrypted.</summary>
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
