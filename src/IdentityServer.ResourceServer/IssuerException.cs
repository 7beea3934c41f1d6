namespace IdentityServer.ResourceServer;

/// <summary>The issuer could not be asked, or answered what no issuer may answer.</summary>
internal sealed class IssuerException(string message, Exception? inner = null) : Exception(message, inner);
