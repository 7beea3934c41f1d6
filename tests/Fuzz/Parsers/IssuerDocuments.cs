using System.Text;
using Fuzz.Inputs;
using Fuzz.Oracles;
using IdentityServer.ResourceServer;
using Microsoft.Extensions.Options;

namespace Fuzz.Parsers;

/// <summary>The issuer's metadata: the keys are sought at no other kind of place than an issuer's.</summary>
internal sealed class IssuerDocuments : Target
{
    private const string Authority = "http://id.example/auth";

    private static readonly IssuerConnection Direct = Connect(null);
    private static readonly IssuerConnection Behind = Connect("http://backchannel:5000/");

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
            var json = Json.Parse(input, JsonRules.Unread);
            if (json?["issuer"]?.Text != Authority || json["jwks_uri"] is not { Kind: JsonKind.Text })
                return "was accepted; the oracle disagrees";
            if (direct is { Scheme: not ("http" or "https") } || behind is { Scheme: not ("http" or "https") })
                return $"sends us to {direct} or {behind}";
            // What is the issuer's own, by its address, is asked of the backchannel and of nobody else.
            return behind is not null && direct is not null && direct.AbsoluteUri.StartsWith(Authority + "/", StringComparison.Ordinal) && behind.Authority != "backchannel:5000"
                ? $"sends us to {behind} behind the backchannel" : "";
        };
    }

    private static Uri? Find(IssuerConnection issuer, byte[] metadata)
    {
        try
        {
            return issuer.ReadKeysAddress(metadata);
        }
        catch (IssuerException)
        {
            return null;
        }
    }

    private static IssuerConnection Connect(string? backchannel) =>
        new(Options.Create(new IdentityServerTokensOptions { Authority = Authority, Resource = "r", ClientId = "c", ClientSecret = "s", BackchannelAddress = backchannel }));
}
