namespace IdentityServer.Clients;

/// <summary>Holds the current configuration; <see cref="Pulse"/> replaces it as a whole.</summary>
internal sealed class CurrentConfiguration
{
    private volatile ServerConfiguration _value = ServerConfiguration.Empty;

    public ServerConfiguration Value
    {
        get => _value;
        set => _value = value;
    }
}
