using IdentityServer.Protocol;
using IdentityServer.Protocol.TokenEndpoint.Grants;
using Xunit;

namespace IdentityServer.Tests.Protocol;

/// <summary>The lists that the protocol is made of: errors and grant types.</summary>
public sealed class CatalogueTests
{
    [Fact]
    public void Every_error_description_is_ASCII_and_unique()
    {
        var descriptions = typeof(Errors).GetFields().Select(field => field.GetValue(null)).OfType<OAuthError>().Select(error => error.Description).ToList();

        Assert.NotEmpty(descriptions);
        Assert.Equal(descriptions.Count, descriptions.Distinct().Count());
        // RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E
        Assert.All(descriptions, description => Assert.DoesNotContain(description, c => c is < ' ' or > '~' or '"' or '\\'));
    }

    [Fact]
    public void Every_declared_grant_type_is_served()
    {
        var catalogue = new GrantCatalogue(null!, null!, null!, new ClientCredentialsGrant(), null!, null!);

        Assert.Equal(typeof(GrantTypes).GetFields().Where(field => field.IsLiteral).Select(field => (string)field.GetValue(null)!).Order(), GrantTypes.Served.Order());
        Assert.NotNull(catalogue.Find(GrantTypes.ClientCredentials));
    }
}
