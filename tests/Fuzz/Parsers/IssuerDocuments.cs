using System.Text;
using Fuzz.Inputs;
using Fuzz.Oracles;
using IdentityServer.ResourceServer;

namespace Fuzz.Parsers;

/// <summary>The issuer's metadata: keys are fetched only from addresses that an issuer may name.</summary>
internal sealed class IssuerDocuments : Target
{
    private const string Authority = "http://id.example/auth";

    private static readonly IdentityServerTokensOptions Direct = new() { Authority = Authority };
    private static readonly IdentityServerTokensOptions Behind = new() { Authority = Authority, BackchannelAddress = "http://backchannel:5000/" };

    private static readonly byte[][] Sound =
    [
        Encoding.UTF8.GetBytes($$"""{"issuer":"{{Authority}}","jwks_uri":"{{Authority}}/.well-known/jwks","token_endpoint":"{{Authority}}/connect/token","scopes_supported":["a"]}"""),
        Encoding.UTF8.GetBytes($$"""{"jwks_uri":"https://keys.example/a?b=c","issuer":"{{Authority}}"}"""),
        Encoding.UTF8.GetBytes($$"""{"jwks_uri":"{{Authority}}//evil.example/x","issuer":"{{Authority}}"}"""),
        Encoding.UTF8.GetBytes($$"""{"jwks_uri":"{{Authority}}/ftp://evil.example/x","issuer":"{{Authority}}"}"""),
    ];

    public override string Name => "issuer metadata";
    public override int Share => 5;

    public override byte[] Next(Mutator mutator) => mutator.OneIn(2) ? mutator.Damage(Sound) : mutator.DamageJson(Sound);

    public override Func<string?> Read(byte[] input)
    {
        var (direct, behind) = (Find(Direct, input), Find(Behind, input));
        return () =>
        {
            if (direct is null && behind is null)
                return null;
            if (direct is { Scheme: not ("http" or "https") } || behind is { Scheme: not ("http" or "https") })
                return $"sends us to {direct} or {behind}";
            // Addresses below the issuer's are asked at the backchannel and nowhere else.
            return behind is not null && direct is not null && direct.AbsoluteUri.StartsWith(Authority + "/", StringComparison.Ordinal) && behind.Authority != "backchannel:5000"
                ? $"sends us to {behind} behind the backchannel" : "";
        };
    }

    /// <summary>OpenIddict reads the document; our rule is where its keys may be.</summary>
    private static Uri? Find(IdentityServerTokensOptions options, byte[] metadata)
    {
        var json = Json.Parse(metadata, JsonRules.Unread);
        return json?["issuer"]?.Text == Authority && json["jwks_uri"] is { Kind: JsonKind.Text } keys && Uri.TryCreate(keys.Text, UriKind.Absolute, out var address)
            ? RequireIssuersOwnDocument.FindKeysAddress(address, options)
            : null;
    }
}
