namespace IdentityServer.Keys;

/// <summary>Holds the key ring in force; it is replaced whole when keys have changed.</summary>
internal sealed class CurrentKeys
{
    private volatile KeyRing? _value;

    public KeyRing Value
    {
        get => _value ?? throw new InvalidOperationException("The keys are read before anything is served.");
        set => _value = value;
    }
}
