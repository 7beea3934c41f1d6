using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography;
using System.Text;
using IdentityServer.Protocol;
using ServiceDefaults.Settings;

namespace IdentityServer.Settings;

/// <summary>Who may register a client over HTTP.</summary>
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
[Section("Registration")]
internal sealed record ClientRegistrationSettings : ICheckedSettings
{
    private const string TokensName = "Registration:InitialAccessTokens";

    /// <summary>Characters: fewer can be guessed.</summary>
    private const int ShortestToken = 20;

    public RegistrationMode Mode { get; init; }

    /// <summary>Empty once they are checked: only their hashes are kept.</summary>
    [ConfigurationKeyName("InitialAccessTokens")]
    public string[] Tokens { get; set; } = [];

    /// <summary>How many such clients there may be at once. Each node holds them all in memory.</summary>
    [Range(1, 1_000_000)]
    public int MaxClients { get; init; } = 10_000;

    [ConfigurationKeyName("Scopes")]
    public string[] ScopeNames { get; init; } = [];

    /// <summary>False: a confidential client that registers may do without, as certification suites do.</summary>
    public bool RequirePkce { get; init; } = true;

    public bool IsOn => Mode != RegistrationMode.Off;

    /// <summary>Their SHA-256.</summary>
    public byte[][] InitialAccessTokens { get; private set; } = [];

    /// <summary>What such a client may ask for; those about the user and <c>offline_access</c> when not set.</summary>
    public ScopeSet Scopes { get; private set; } = Protocol.Scopes.AboutUsers;

    public void Check(SettingsReader settings)
    {
        if (Mode == RegistrationMode.InitialToken && Tokens.Length == 0)
            throw SettingsReader.Missing(TokensName, "one or more tokens where Registration:Mode is initial_token");
        // What it holds is never said.
        if (Tokens.Any(token => token.Length < ShortestToken))
            throw SettingsReader.Impossible(TokensName, "(hidden)", $"tokens of {ShortestToken} characters or more");
        if (ScopeNames.FirstOrDefault(scope => !ScopeSet.IsToken(scope)) is { } wrong)
            throw SettingsReader.Impossible("Registration:Scopes", wrong, "scopes as RFC 6749 §3.3 writes them");
        InitialAccessTokens = Array.ConvertAll(Tokens, token => SHA256.HashData(Encoding.UTF8.GetBytes(token)));
        Tokens = [];
        if (ScopeNames.Length > 0)
            Scopes = ScopeSet.Of(ScopeNames);
    }
}
