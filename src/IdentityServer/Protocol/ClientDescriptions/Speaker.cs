namespace IdentityServer.Protocol.ClientDescriptions;

/// <summary>Who describes a client, and the choice there is: the operator in a manifest, or a stranger who registers one (RFC 7591).</summary>
/// <param name="AssertionAlgorithms">Of <c>private_key_jwt</c>.</param>
/// <param name="MayAsk">Whether the server goes to an address that a stranger names; null: the operator speaks.</param>
internal sealed record Speaker(string[] AuthMethods, string[] GrantTypes, string[] AssertionAlgorithms, int MaximumRedirectUris, Func<Uri, bool>? MayAsk)
{
    public static readonly Speaker Operator = new(TokenEndpointAuthMethods.Served, Protocol.GrantTypes.Served, SignatureAlgorithms.Served, 100, MayAsk: null);

    public bool IsOperator => MayAsk is null;

    /// <summary>RFC 7591 §2; of an operator's client only where there is an address that a code could go to: who only introspects has nowhere to be sent.</summary>
    public string[] DefaultGrantTypes(string[] redirectUris) => IsOperator && redirectUris.Length == 0 ? [] : [Protocol.GrantTypes.AuthorizationCode];
}
