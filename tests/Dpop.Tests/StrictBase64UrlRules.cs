using System.Text;
using Testing;
using Xunit;

namespace Dpop.Tests;

public sealed class StrictBase64UrlRules
{
    [Theory, Rfc("4648", "10")]
    [InlineData("", "")]
    [InlineData("f", "Zg")]
    [InlineData("fo", "Zm8")]
    [InlineData("foo", "Zm9v")]
    [InlineData("foob", "Zm9vYg")]
    [InlineData("fooba", "Zm9vYmE")]
    [InlineData("foobar", "Zm9vYmFy")]
    public void The_canonical_spelling_is_read(string octets, string text)
    {
        Assert.True(StrictBase64Url.TryDecode(text, out var bytes));
        Assert.Equal(octets, Encoding.ASCII.GetString(bytes));
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
    [InlineData("Z", "a length that no encoder produces")]
    [InlineData("Zm9vZ", "a length that no encoder produces")]
    [InlineData("-/-_", "the alphabet of base64")]
    [InlineData("+A-_", "the alphabet of base64")]
    [InlineData("Zm.v", "a dot")]
    [InlineData("Zm\09v", "NUL")]
    [InlineData("Zmév", "not ASCII")]
    public void Any_other_spelling_is_refused(string text, string why)
    {
        Assert.False(StrictBase64Url.TryDecode(text, out var bytes), why);
        Assert.Null(bytes);
    }

    [Fact, Rfc("4648", "3.5")]
    public void No_two_texts_of_three_characters_decode_to_the_same_octets()
    {
        var seen = new HashSet<int>();
        var text = new char[3];
        for (var value = 0; value < 1 << 21; value++)
        {
            for (var i = 0; i < 3; i++)
                text[i] = (char)((value >> (7 * i)) & 0x7F);

            if (StrictBase64Url.TryDecode(text, out var octets))
            {
                Assert.Equal(2, octets.Length);
                Assert.True(seen.Add((octets[0] << 8) | octets[1]), new string(text));
            }
        }

        Assert.Equal(1 << 16, seen.Count);
    }
}
