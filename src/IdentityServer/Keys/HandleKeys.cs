namespace IdentityServer.Keys;

/// <param name="Number">Four bytes of a hash of the key id, written into each handle.</param>
internal sealed record HandleKey(uint Number, byte[] Secret, DateTimeOffset SignsFrom);

/// <summary>The MAC keys of refresh tokens.</summary>
internal sealed class HandleKeys(IReadOnlyList<HandleKey> keys)
{
    /// <summary>
    /// The key in force at a given time. A handle is written with the key of the time of its rotation,
    /// so that the successor of a lost response is the same when it is issued again after a key rotation.
    /// </summary>
    public HandleKey At(DateTimeOffset moment)
    {
        HandleKey? chosen = null;
        foreach (var key in keys)
        {
            if (key.SignsFrom <= moment && (chosen is null || key.SignsFrom > chosen.SignsFrom))
                chosen = key;
        }
        return chosen ?? keys.MinBy(key => key.SignsFrom)!;
    }

    public HandleKey? Find(uint number)
    {
        foreach (var key in keys)
        {
            if (key.Number == number)
                return key;
        }
        return null;
    }
}
