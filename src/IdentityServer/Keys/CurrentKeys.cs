namespace IdentityServer.Keys;

/// <summary>Holds the current key ring, which is replaced as a whole when keys change.</summary>
internal sealed class CurrentKeys
{
    private volatile KeyRing? _value;

    public KeyRing Value
    {
        get => _value ?? throw new InvalidOperationException("The keys are read before anything is served.");
        set => _value = value;
    }
}
