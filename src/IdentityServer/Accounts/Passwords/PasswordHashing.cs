using IdentityServer.Storage;
using Microsoft.AspNetCore.Identity;

namespace IdentityServer.Accounts.Passwords;

/// <summary>Hashes new passwords behind the gate that also limits password checks.</summary>
internal sealed class PasswordHashing(IPasswordHasher<User> hasher, HashingGate gate, PasswordSettings settings)
{
    /// <summary>Null: too many are waiting (503).</summary>
    public async Task<string?> TryHashAsync(string password, CancellationToken cancellationToken)
    {
        using var slot = await gate.TryEnterAsync(cancellationToken);
        return slot is null ? null : await gate.HashAsync(() => hasher.HashPassword(new User(), password));
    }

    /// <summary>Whether it is the password of an account that has not been created yet. Null: too many are waiting (503).</summary>
    public async Task<bool?> TryVerifyAsync(string hash, string password, CancellationToken cancellationToken)
    {
        if (password.Length > settings.MaximumLength * 2)
            return false;
        using var slot = await gate.TryEnterAsync(cancellationToken);
        return slot is null ? null : await gate.HashAsync(() => hasher.VerifyHashedPassword(new User(), hash, password)) != PasswordVerificationResult.Failed;
    }
}
