using System.Text;
using Testing;
using Xunit;

namespace Jose.Tests;

public sealed class Base64UrlRules
{
    [Theory, Rfc("4648", "10")]
    [InlineData("", "")]
    [InlineData("f", "Zg")]
    [InlineData("fo", "Zm8")]
    [InlineData("foo", "Zm9v")]
    [InlineData("foob", "Zm9vYg")]
    [InlineData("fooba", "Zm9vYmE")]
    [InlineData("foobar", "Zm9vYmFy")]
    public void Octets_go_there_and_back(string octets, string text)
    {
        Assert.Equal(text, Base64Url.Encode(Encoding.ASCII.GetBytes(octets)));
        Assert.True(Base64Url.TryDecode(text, out var fromChars));
        Assert.True(Base64Url.TryDecode(Encoding.ASCII.GetBytes(text), out var fromBytes));
        Assert.Equal(octets, Encoding.ASCII.GetString(fromChars));
        Assert.Equal(octets, Encoding.ASCII.GetString(fromBytes));
    }

    [Theory, Rfc("7515", "2")]
    [InlineData("Zg==", "padding")]
    [InlineData("Zm8=", "padding")]
    [InlineData("Zm9v=", "padding")]
    [InlineData("Zm9v====", "padding")]
    [InlineData("=", "padding alone")]
    [InlineData("Zm 9v", "white space")]
    [InlineData(" Zm9v", "white space before")]
    [InlineData("Zm9v\n", "white space after")]
    [InlineData("Zm9v    ", "four of them")]
    [InlineData("Zm9vYg\r\n", "a line end")]
    [InlineData("    ", "nothing but white space")]
    [InlineData("Zh", "unused bits set, one octet")]
    [InlineData("Zm9", "unused bits set, two octets")]
    [InlineData("Z", "no length that an encoder makes")]
    [InlineData("Zm9vZ", "no length that an encoder makes")]
    [InlineData("-/-_", "the alphabet of base64")]
    [InlineData("+A-_", "the alphabet of base64")]
    [InlineData("Zm.v", "a dot")]
    [InlineData("Zm\09v", "NUL")]
    [InlineData("Zmév", "not ASCII")]
    public void Only_the_one_canonical_spelling_is_read(string text, string why)
    {
        Assert.False(Base64Url.TryDecode(text, out var chars), why);
        Assert.False(Base64Url.TryDecode(Encoding.UTF8.GetBytes(text), out var bytes), why);
        Assert.Null(chars);
        Assert.Null(bytes);
    }

    [Fact]
    public void A_destination_that_is_too_short_is_refused() =>
        Assert.False(Base64Url.TryDecode("Zm9vYmFy", new byte[5], out _));

    [Fact, Rfc("4648", "3.5")]
    public void No_two_texts_of_three_characters_mean_the_same()
    {
        var seen = new HashSet<int>();
        Span<byte> octets = stackalloc byte[2];
        var text = new char[3];
        for (var value = 0; value < 1 << 21; value++)
        {
            for (var i = 0; i < 3; i++)
                text[i] = (char)((value >> (7 * i)) & 0x7F);

            if (Base64Url.TryDecode(text, octets, out var written))
            {
                Assert.Equal(2, written);
                Assert.True(seen.Add((octets[0] << 8) | octets[1]), new string(text));
            }
        }

        Assert.Equal(1 << 16, seen.Count);
    }
}
