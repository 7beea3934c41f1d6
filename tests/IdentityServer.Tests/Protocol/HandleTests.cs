using System.Buffers.Text;
using System.Security.Cryptography;
using Dpop;
using IdentityServer.Keys;
using IdentityServer.Tests.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace IdentityServer.Tests.Protocol;

/// <summary>Refresh tokens as text: one that this server did not write is refused without a query.</summary>
public sealed class HandleTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    internal static string Write(ServerUnderTest server, Guid grantId, int generation) =>
        GrantHandle.Write(server.Services.GetRequiredService<CurrentKeys>().Value.Handles, grantId, generation, server.Clock.GetUtcNow());

    [Fact]
    public async Task A_refresh_token_carries_its_grant_and_a_MAC_of_256_bits()
    {
        var token = (await _server.SignsInAsync()).RefreshToken!;

        Assert.Equal(76, token.Length);
        Assert.True(GrantHandle.TryRead(Handles, token, out _, out var generation));
        Assert.Equal(0, generation);
    }

    [Fact]
    public async Task A_change_of_any_bit_is_refused()
    {
        var token = (await _server.SignsInAsync()).RefreshToken!;
        Assert.True(StrictBase64Url.TryDecode(token, out var bytes));

        for (var bit = 0; bit < bytes!.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(GrantHandle.TryRead(Handles, Base64Url.EncodeToString(bytes), out _, out _));
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
        Assert.True(GrantHandle.TryRead(Handles, token, out _, out _));
    }

    [Fact]
    public async Task A_changed_byte_is_refused_over_HTTP_too_and_the_grant_lives_on()
    {
        var signedIn = await _server.SignsInAsync();
        StrictBase64Url.TryDecode(signedIn.RefreshToken!, out var bytes);

        for (var i = 0; i < bytes!.Length; i++)
        {
            var changed = bytes.ToArray();
            changed[i] ^= 0x80;
            (await _server.RefreshesAsync(Base64Url.EncodeToString(changed))).Refuses("invalid_grant");
        }
        Assert.NotNull((await _server.RefreshesAsync(signedIn.RefreshToken)).RefreshToken);
    }

    [Fact]
    public async Task Another_spelling_of_a_token_is_refused()
    {
        var token = (await _server.SignsInAsync()).RefreshToken!;

        foreach (var other in new[] { token + "=", token + " ", " " + token, token[..^1], token + "A", token.ToUpperInvariant(), token[..40] + "\n" + token[40..], token[..75] + "=", token[..75] + "+", token[..75] + "\u0100" })
            Assert.False(GrantHandle.TryRead(Handles, other, out _, out _));
    }

    [Fact]
    public void A_handle_made_with_another_servers_key_or_none_is_refused()
    {
        var other = new HandleKeys([new HandleKey(7, RandomNumberGenerator.GetBytes(32), DateTimeOffset.UnixEpoch)]);
        var now = _server.Clock.GetUtcNow();

        Assert.False(GrantHandle.TryRead(Handles, GrantHandle.Write(other, Guid.NewGuid(), 0, now), out _, out _));
        Assert.False(GrantHandle.TryRead(Handles, Base64Url.EncodeToString(new byte[57]), out _, out _));
    }

    [Fact]
    public void A_repeated_successor_is_the_same_after_a_change_of_keys()
    {
        var start = DateTimeOffset.UnixEpoch;
        var old = new HandleKey(1, RandomNumberGenerator.GetBytes(32), start);
        var successor = new HandleKey(2, RandomNumberGenerator.GetBytes(32), start.AddDays(1));
        var (grant, rotated) = (Guid.NewGuid(), start.AddHours(23));

        Assert.Equal(GrantHandle.Write(new([old]), grant, 5, rotated), GrantHandle.Write(new([old, successor]), grant, 5, rotated));
        Assert.NotEqual(GrantHandle.Write(new([old]), grant, 5, start.AddDays(2)), GrantHandle.Write(new([old, successor]), grant, 5, start.AddDays(2)));
    }

    private HandleKeys Handles => _server.Services.GetRequiredService<CurrentKeys>().Value.Handles;
}
