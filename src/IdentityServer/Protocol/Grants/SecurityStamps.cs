using System.Security.Cryptography;

namespace IdentityServer.Protocol.Grants;

/// <summary>An account's security stamp changes with its password: grants that carry an older one are dead.</summary>
internal static class SecurityStamps
{
    public static string Create() => RandomNumberGenerator.GetHexString(32, lowercase: true);
}
