using System.Security.Cryptography;
using System.Text;
using IdentityServer.Protocol;

namespace IdentityServer.Settings;

/// <summary>Who may register a client over HTTP (<c>Registration:Mode</c>).</summary>
internal enum RegistrationMode
{
    /// <summary>Nobody: there is no such endpoint. Clients that registered before go on.</summary>
    Off,

    /// <summary>Who has one of <c>Registration:InitialAccessTokens</c> (RFC 7591 §1.2).</summary>
    InitialToken,

    /// <summary>Anybody.</summary>
    Open,
}

/// <summary>Dynamic client registration (RFC 7591).</summary>
/// <param name="InitialAccessTokens">Their SHA-256: the tokens themselves are not kept.</param>
/// <param name="MaxClients">How many such clients there may be at once; 10,000 when not set. Each node holds them all in memory.</param>
/// <param name="Scopes">What such a client may ask for; those about the user and <c>offline_access</c> when not set.</param>
/// <param name="RequirePkce">True when not set; false: a confidential client that registers may do without, as certification suites do.</param>
internal sealed record ClientRegistrationSettings(RegistrationMode Mode, byte[][] InitialAccessTokens, int MaxClients, ScopeSet Scopes, bool RequirePkce)
{
    private const string ModeName = "Registration:Mode";
    private const string TokensName = "Registration:InitialAccessTokens";
    private const string ScopesName = "Registration:Scopes";

    /// <summary>Characters: fewer can be guessed.</summary>
    private const int ShortestToken = 20;

    public bool IsOn => Mode != RegistrationMode.Off;

    public static ClientRegistrationSettings Read(SettingsReader settings)
    {
        var text = settings.Text(ModeName);
        var mode = text switch
        {
            null or "off" => RegistrationMode.Off,
            "initial_token" => RegistrationMode.InitialToken,
            "open" => RegistrationMode.Open,
            _ => throw SettingsReader.Impossible(ModeName, text, "off, initial_token or open"),
        };
        var tokens = settings.List(TokensName);
        if (mode == RegistrationMode.InitialToken && tokens.Length == 0)
            throw SettingsReader.Missing(TokensName, $"one or more tokens where {ModeName} is initial_token");
        // What it holds is never said.
        if (tokens.Any(token => token.Length < ShortestToken))
            throw SettingsReader.Impossible(TokensName, "(hidden)", $"tokens of {ShortestToken} characters or more");
        var scopes = settings.List(ScopesName);
        if (scopes.FirstOrDefault(scope => !ScopeSet.IsToken(scope)) is { } wrong)
            throw SettingsReader.Impossible(ScopesName, wrong, "scopes as RFC 6749 §3.3 writes them");
        return new(
            mode,
            Array.ConvertAll(tokens, token => SHA256.HashData(Encoding.UTF8.GetBytes(token))),
            settings.Number("Registration:MaxClients", 10_000, 1, 1_000_000),
            scopes.Length > 0 ? ScopeSet.Of(scopes) : Protocol.Scopes.AboutUsers,
            settings.Flag("Registration:RequirePkce", true));
    }
}
