using Microsoft.IdentityModel.Tokens;

namespace IdentityServer.Settings;

/// <param name="Lifetime">From issue to <c>exp</c>; 1 s to 1 day, one hour when not set.</param>
/// <param name="SigningAlgorithm">The JWS algorithm of access tokens: ES256 or RS256.</param>
internal sealed record AccessTokenSettings(TimeSpan Lifetime, string SigningAlgorithm)
{
    public static AccessTokenSettings Read(SettingsReader settings)
    {
        const string name = "AccessTokens:SigningAlgorithm";
        var algorithm = settings.Text(name) ?? SecurityAlgorithms.EcdsaSha256;
        if (algorithm is not (SecurityAlgorithms.EcdsaSha256 or SecurityAlgorithms.RsaSha256))
            throw SettingsReader.Impossible(name, algorithm, "ES256 or RS256");
        return new(settings.Seconds("AccessTokens:Lifetime", 3600, 1, 86_400), algorithm);
    }
}
