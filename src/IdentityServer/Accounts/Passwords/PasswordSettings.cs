using System.ComponentModel.DataAnnotations;
using ServiceDefaults.Settings;

namespace IdentityServer.Accounts.Passwords;

[Section("Password")]
internal sealed record PasswordSettings : ICheckedSettings
{
    /// <summary>In code points.</summary>
    [Range(1, 128)]
    public int MinimumLength { get; init; } = 8;

    /// <summary>In code points. A longer one is refused before any hashing.</summary>
    [Range(64, 1024)]
    public int MaximumLength { get; init; } = 128;

    /// <summary>Refuses the 10,000 commonest passwords.</summary>
    public bool RejectCommon { get; init; } = true;

    public bool RequireDigit { get; init; }
    public bool RequireLowercase { get; init; }
    public bool RequireUppercase { get; init; }
    public bool RequireNonAlphanumeric { get; init; }

    /// <summary>PBKDF2-HMAC-SHA512 rounds (OWASP: 210,000).</summary>
    [Range(1_000, 10_000_000)]
    public int Iterations { get; init; } = 210_000;

    /// <summary>Lets public clients have the password grant (RFC 9700 §2.4 advises against).</summary>
    public bool AllowPublicClients { get; init; }

    /// <summary>Passwords hashed at once.</summary>
    [Range(1, 1024)]
    public int Parallelism { get; init; } = Environment.ProcessorCount;

    /// <summary>Sign-ins that may wait for a hash; past them the answer is 503.</summary>
    [Range(0, 100_000)]
    public int QueueLength { get; init; } = 100;

    /// <summary>How long they may.</summary>
    [Range(1, 600)]
    public TimeSpan QueueTimeout { get; init; } = TimeSpan.FromSeconds(10);

    public void Check(SettingsReader settings)
    {
        if (MinimumLength > MaximumLength)
            throw SettingsReader.Impossible("Password:MinimumLength", $"{MinimumLength}", $"at most Password:MaximumLength, which is {MaximumLength}");
    }
}
