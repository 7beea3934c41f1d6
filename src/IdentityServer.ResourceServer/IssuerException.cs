namespace IdentityServer.ResourceServer;

/// <summary>The issuer could not be reached, or its answer is invalid.</summary>
internal sealed class IssuerException(string message, Exception? inner = null) : Exception(message, inner);
