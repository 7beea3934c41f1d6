using System.Text.Json;
using IdentityServer.Clients;
using IdentityServer.Http;
using IdentityServer.Outbound;
using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Protocol.ClientAuthentication;
using IdentityServer.Protocol.ClientDescriptions;
using IdentityServer.Settings;

namespace IdentityServer.Protocol.ClientRegistration;

/// <summary>
/// Reads what a client says of itself (RFC 7591 §2, OpenID Connect Registration §2). What a stranger may not have is refused and
/// not quietly left out, unless the standard says ignore.
/// </summary>
internal sealed class RegistrationReader(
    ClientRegistrationSettings settings, ClientAssertionSettings assertions, MutualTlsSettings mutualTls, CurrentConfiguration configuration, OutboundHttp outbound)
{
    // A password grant trains users to give their password away; a client's own tokens are for one that somebody vouched for.
    private readonly Speaker _stranger = new(
        [.. TokenEndpointAuthMethods.Served.Where(method => mutualTls.MissingFor(method) is null)],
        [GrantTypes.AuthorizationCode, GrantTypes.RefreshToken, GrantTypes.DeviceCode, .. settings.Mode == RegistrationMode.InitialToken ? [GrantTypes.ClientCredentials] : Array.Empty<string>()],
        assertions.Algorithms, MaximumRedirectUris: 50, outbound.MayAsk);

    public Result<ClientDescription> Read(JsonElement json)
    {
        try
        {
            var members = new Node(json, "$").Registration();
            var client = ClientMembers.Read(members, _stranger);
            var isPublic = client.IsPublic;
            var metadata = client.Metadata with
            {
                // OpenID Connect Registration §2 takes for web what says nothing. A public client with a loopback or private-use address has
                // said enough: nothing but a native application has either (RFC 8252 §7).
                ApplicationType = client.Metadata.ApplicationType ?? (isPublic && client.RedirectUris.Any(RedirectUris.IsOfNative) ? "native" : null),
                // Only by the operator's word, and never of a public client (RFC 9700 §2.1.1).
                RequirePkce = settings.RequirePkce || isPublic ? null : false,
            };
            client = client with { Metadata = metadata };
            ClientRules.Check(client, _stranger, mutualTls);
            return client with { Scopes = ReadScope(members) };
        }
        catch (JsonMistake mistake)
        {
            return mistake.Refusal;
        }
    }

    private ScopeSet ReadScope(NodeObject members)
    {
        var allowed = settings.Scopes.Intersect(configuration.Value.Scopes);
        if (members.Find("scope") is not { } member)
            return allowed;
        // No text for it is the empty set, which a client may want.
        if (member.Value.ValueKind == JsonValueKind.String && member.Value.ValueEquals(""))
            return ScopeSet.Empty;
        return member.TryText(ScopeSet.MaximumCount * (ScopeSet.MaximumTokenLength + 1)) is { } text && ScopeSet.TryParse(text, out var scopes) && scopes.IsSubsetOf(allowed)
            ? scopes
            : throw new JsonMistake(member.Path, "holds one that a client can't register for.") { Refusal = Errors.ScopeNotRegistrable };
    }
}
