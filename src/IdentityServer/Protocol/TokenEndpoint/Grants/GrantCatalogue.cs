namespace IdentityServer.Protocol.TokenEndpoint.Grants;

/// <summary>The table of contents: a grant for each of <see cref="GrantTypes.Served"/>.</summary>
internal sealed class GrantCatalogue(
    AuthorizationCodeGrant authorizationCode, PasswordGrant password, RefreshTokenGrant refreshToken, ClientCredentialsGrant clientCredentials,
    DeviceCodeGrant deviceCode, TokenExchangeGrant tokenExchange)
{
    public IGrant Find(string grantType) => grantType switch
    {
        GrantTypes.AuthorizationCode => authorizationCode,
        GrantTypes.ClientCredentials => clientCredentials,
        GrantTypes.RefreshToken => refreshToken,
        GrantTypes.Password => password,
        GrantTypes.DeviceCode => deviceCode,
        GrantTypes.TokenExchange => tokenExchange,
        _ => throw new ArgumentOutOfRangeException(nameof(grantType), grantType, "Served, and without a grant."),
    };
}
