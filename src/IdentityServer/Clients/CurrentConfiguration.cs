namespace IdentityServer.Clients;

/// <summary>Holds the configuration in force; <see cref="Pulse"/> replaces it whole.</summary>
internal sealed class CurrentConfiguration
{
    private volatile ServerConfiguration _value = ServerConfiguration.Empty;

    public ServerConfiguration Value
    {
        get => _value;
        set => _value = value;
    }
}
