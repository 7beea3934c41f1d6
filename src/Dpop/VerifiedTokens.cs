using System.Collections.Concurrent;

namespace Dpop;

/// <summary>
/// Tokens whose signature was checked, so that it is checked only once. Two generations: a used token moves to the young
/// one; when that is full, the old one is dropped. So it never holds more than <paramref name="capacity"/> tokens.
/// </summary>
public sealed class VerifiedTokens<T>(int capacity = VerifiedTokens<T>.DefaultCapacity) where T : class
{
    public const int DefaultCapacity = 10_000;

    private readonly Lock _turning = new();
    private volatile ConcurrentDictionary<TokenHash, T> _young = new();
    private volatile ConcurrentDictionary<TokenHash, T> _old = new();
    private int _youngCount;

    public int Count => _young.Count + _old.Count;

    public T? Find(TokenHash hash)
    {
        if (_young.TryGetValue(hash, out var token))
            return token;
        if (!_old.TryGetValue(hash, out token))
            return null;
        Remember(hash, token);
        return token;
    }

    public void Remember(TokenHash hash, T token)
    {
        // ConcurrentDictionary.Count takes every lock, hence the separate counter.
        if (!_young.TryAdd(hash, token) || Interlocked.Increment(ref _youngCount) < capacity / 2)
            return;
        lock (_turning)
        {
            if (Volatile.Read(ref _youngCount) < capacity / 2)
                return;
            _old = _young;
            _young = new();
            Volatile.Write(ref _youngCount, 0);
        }
    }

    public void Forget(TokenHash hash)
    {
        _old.TryRemove(hash, out _);
        if (_young.TryRemove(hash, out _))
            Interlocked.Decrement(ref _youngCount);
    }
}
