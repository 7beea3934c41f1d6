using Testing;
using Xunit;

namespace Dpop.Tests;

public sealed class NonceRules
{
    private static readonly byte[] Key = [.. Enumerable.Range(0, 32).Select(octet => (byte)octet)];

    [Fact, Rfc("9449", "8")]
    public void A_nonce_carries_its_step_and_any_holder_of_the_key_can_check_it()
    {
        var nonce = DpopNonce.Write(Key, 1234567);

        Assert.Equal(32, nonce.Length);
        Assert.True(DpopNonce.TryReadStep(nonce, out var step));
        Assert.Equal(1234567, step);
        Assert.True(DpopNonce.IsGenuine(nonce, Key));
        Assert.False(DpopNonce.IsGenuine(nonce, new byte[32]));
    }

    [Fact]
    public void Another_spelling_or_any_changed_character_is_refused()
    {
        var nonce = DpopNonce.Write(Key, 1);
        for (var i = 0; i < nonce.Length; i++)
            Assert.False(DpopNonce.IsGenuine(nonce[..i] + (nonce[i] == 'A' ? 'B' : 'A') + nonce[(i + 1)..], Key));
        foreach (var text in new[] { "", "A", nonce + "=", nonce + "A", nonce[..31], nonce[..31] + "=", nonce[..30] + "==", " " + nonce[1..], nonce[..16] + "\n" + nonce[17..], new string('é', 32) })
        {
            Assert.False(DpopNonce.TryReadStep(text, out _));
            Assert.False(DpopNonce.IsGenuine(text, Key));
        }
    }
}
