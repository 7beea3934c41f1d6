namespace IdentityServer.Protocol;

public static partial class Parameters
{
    // RFC 7521 §4.2
    public const string ClientAssertion = "client_assertion";
    public const string ClientAssertionType = "client_assertion_type";
}
