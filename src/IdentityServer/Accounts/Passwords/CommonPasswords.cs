using System.Collections.Frozen;

namespace IdentityServer.Accounts.Passwords;

/// <summary>
/// The most common passwords from public leaks (source and licence are in <c>common-passwords.NOTICE.txt</c>),
/// loaded when the first password is chosen.
/// </summary>
internal sealed class CommonPasswords(PasswordSettings settings)
{
    private const string ResourceName = "common-passwords.txt";

    private readonly Lazy<FrozenSet<string>> _known = new(() => Read(settings.MinimumLength));

    /// <summary>Compared as names are: a capital or a full-width letter does not make a common password rare.</summary>
    public bool Contains(string password) => settings.RejectCommon && _known.Value.Contains(LoginName.Fold(password));

    // Shorter ones are refused for their length, so they are not kept.
    private static FrozenSet<string> Read(int minimumLength)
    {
        using var resource = typeof(CommonPasswords).Assembly.GetManifestResourceStream(ResourceName)
            ?? throw new InvalidOperationException($"The resource {ResourceName} is not in the assembly.");
        using var reader = new StreamReader(resource);
        var known = new List<string>();
        while (reader.ReadLine() is { } line)
        {
            if (line.Length >= minimumLength)
                known.Add(line);
        }
        return known.ToFrozenSet(StringComparer.Ordinal);
    }
}
