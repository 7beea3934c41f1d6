using System.Collections.Immutable;
using IdentityServer.Protocol.ClientAuthentication;
using IdentityServer.Protocol.Dpop;
using IdentityServer.Settings;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Discovery;

/// <summary>Adds the metadata that OpenIddict lacks or states differently.</summary>
internal sealed class AttachExtensions(
    IssuerSettings issuer, ClientRegistrationSettings registration, ClientAssertionSettings assertions, DpopSettings dpop) : IOpenIddictServerHandler<HandleConfigurationRequestContext>
{
    private static readonly ImmutableArray<string?> SigningAlgorithms = [SecurityAlgorithms.RsaSha256, SecurityAlgorithms.EcdsaSha256];

    public ValueTask HandleAsync(HandleConfigurationRequestContext context)
    {
        var metadata = context.Metadata;
        // Exactly as configured: OpenIddict's property would add a slash.
        metadata["issuer"] = issuer.Issuer;
        if (registration.IsOn)
            metadata["registration_endpoint"] = issuer.At(ProtocolRoutes.Register);
        // Back-Channel Logout §2.1
        metadata["backchannel_logout_supported"] = metadata["backchannel_logout_session_supported"] = true;
        metadata["claims_parameter_supported"] = true;
        context.IdTokenSigningAlgorithms.UnionWith(SigningAlgorithms!);
        metadata["userinfo_signing_alg_values_supported"] = SigningAlgorithms;
        metadata["display_values_supported"] = ImmutableArray.Create<string?>("page");
        metadata["ui_locales_supported"] = ImmutableArray.Create<string?>(Pages.Languages.Served);
        metadata["acr_values_supported"] = ImmutableArray.Create<string?>(AuthenticationContexts.Served);
        // RFC 9449 §5.1
        metadata["dpop_signing_alg_values_supported"] = ImmutableArray.Create<string?>(dpop.Algorithms);
        // RFC 7662 §2.1: callers of introspection must authenticate.
        context.IntrospectionEndpointAuthenticationMethods.Remove(TokenEndpointAuthMethods.None);
        foreach (var endpoint in (string[])["token", "revocation", "introspection"])
            metadata[$"{endpoint}_endpoint_auth_signing_alg_values_supported"] = ImmutableArray.Create<string?>(assertions.Algorithms);
        return default;
    }
}
