namespace IdentityServer.Protocol;

/// <summary>Clients that need no registration.</summary>
public static class BuiltInClients
{
    /// <summary>The public client of the account API.</summary>
    public const string AccountApi = "account-api";
}
