using IdentityServer.Protocol;

namespace IdentityServer.Token.Grants;

/// <summary>The table of contents: what the token endpoint serves, and so what discovery advertises.</summary>
internal sealed class GrantCatalogue(PasswordGrant password, RefreshTokenGrant refreshToken, ClientCredentialsGrant clientCredentials)
{
    public static readonly string[] Served = [GrantTypes.ClientCredentials, GrantTypes.RefreshToken, GrantTypes.Password];

    public IGrant? Find(string grantType) => grantType switch
    {
        GrantTypes.ClientCredentials => clientCredentials,
        GrantTypes.RefreshToken => refreshToken,
        GrantTypes.Password => password,
        _ => null,
    };
}
