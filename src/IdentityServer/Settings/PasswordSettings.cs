namespace IdentityServer.Settings;

/// <param name="MinimumLength">In code points; 8 when not set.</param>
/// <param name="MaximumLength">In code points; 128 when not set. A longer one is refused before any hashing.</param>
/// <param name="RejectCommon">Refuses the 10,000 commonest passwords.</param>
/// <param name="Iterations">PBKDF2-HMAC-SHA512 rounds (OWASP: 210,000).</param>
/// <param name="AllowPublicClients">Lets public clients have the password grant (RFC 9700 §2.4 advises against).</param>
/// <param name="Parallelism">Passwords hashed at once; the number of cores when not set.</param>
/// <param name="QueueLength">Sign-ins that may wait for a hash; past them the answer is 503.</param>
/// <param name="QueueTimeout">How long they may; 10 s when not set.</param>
internal sealed record PasswordSettings(
    int MinimumLength, int MaximumLength, bool RejectCommon,
    bool RequireDigit, bool RequireLowercase, bool RequireUppercase, bool RequireNonAlphanumeric,
    int Iterations, bool AllowPublicClients, int Parallelism, int QueueLength, TimeSpan QueueTimeout)
{
    public static PasswordSettings Read(SettingsReader settings)
    {
        const string name = "Password:MinimumLength";
        var minimum = settings.Number(name, 8, 1, 128);
        var maximum = settings.Number("Password:MaximumLength", 128, 64, 1024);
        if (minimum > maximum)
            throw SettingsReader.Impossible(name, $"{minimum}", $"at most Password:MaximumLength, which is {maximum}");
        return new(
            minimum, maximum,
            settings.Flag("Password:RejectCommon", true),
            settings.Flag("Password:RequireDigit", false),
            settings.Flag("Password:RequireLowercase", false),
            settings.Flag("Password:RequireUppercase", false),
            settings.Flag("Password:RequireNonAlphanumeric", false),
            settings.Number("Password:Iterations", 210_000, 1_000, 10_000_000),
            settings.Flag("Password:AllowPublicClients", false),
            settings.Number("Password:Parallelism", Environment.ProcessorCount, 1, 1024),
            settings.Number("Password:QueueLength", 100, 0, 100_000),
            settings.Seconds("Password:QueueTimeout", 10, 1, 600));
    }
}
