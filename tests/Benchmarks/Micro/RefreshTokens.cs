using System.Security.Cryptography;
using BenchmarkDotNet.Attributes;
using IdentityServer.Keys;

namespace Benchmarks.Micro;

/// <summary>Refresh tokens: written and read without the database.</summary>
public class RefreshTokens
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);

    private readonly HandleKeys _keys = new([new HandleKey(1, RandomNumberGenerator.GetBytes(32), DateTimeOffset.UnixEpoch)]);
    private readonly Guid _grant = Guid.NewGuid();
    private string _handle = "";

    [GlobalSetup]
    public void Prepare()
    {
        _handle = Write();
        if (!Read())
            throw new InvalidOperationException("What was written does not read.");
    }

    [Benchmark]
    public string Write() => GrantHandle.Write(_keys, _grant, 7, Now);

    [Benchmark]
    public bool Read() => GrantHandle.TryRead(_keys, _handle, out _, out _);
}
