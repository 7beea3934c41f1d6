using Testing;
using Xunit;

namespace Dpop.Tests;

public sealed class HttpAddressRules
{
    [Theory, Rfc("3986", "6.2.2"), Rfc("3986", "6.2.3")]
    [InlineData("https://api.example.com", "https://api.example.com/")]
    [InlineData("HTTPS://API.Example.com:443/a?b#c", "https://api.example.com/a")]
    [InlineData("http://h:80/a/./b/../c", "http://h/a/c")]
    [InlineData("http://h:8080/%7euser/%2f%c3%a9", "http://h:8080/~user/%2F%C3%A9")]
    [InlineData("http://h/é", "http://h/%C3%A9")]
    [InlineData("http://h/a//b/", "http://h/a//b/")]
    [InlineData("http://[::1]:5000/x", "http://[::1]:5000/x")]
    [InlineData("http://h/%", "http://h/%25")]
    public void An_address_is_normalised_to_one_spelling(string address, string normal)
    {
        Assert.True(HttpAddress.TryNormalise(address, out var written));
        Assert.Equal(normal, written);
        Assert.True(HttpAddress.TryNormalise(written, out var again));
        Assert.Equal(normal, again);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/connect/token")]
    [InlineData("//h/a")]
    [InlineData("ftp://h/a")]
    [InlineData("file:///a")]
    [InlineData("http://u@h/a")]
    [InlineData("http://u:p@h/a")]
    [InlineData("http://h\\a")]
    [InlineData(" http://h/a")]
    [InlineData("http://h/a\n")]
    [InlineData("http://h/a b")]
    [InlineData("http://")]
    [InlineData("http:///a")]
    [InlineData("http:h")]
    public void Anything_but_a_web_address_is_refused(string address) => Assert.False(HttpAddress.TryNormalise(address, out _));
}
