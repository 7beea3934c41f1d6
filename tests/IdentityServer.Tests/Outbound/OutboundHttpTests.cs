using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using IdentityServer.Outbound;
using IdentityServer.Tests.Hosting;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace IdentityServer.Tests.Outbound;

/// <summary>An address that a stranger registered leads only to the public internet, and never for long.</summary>
public sealed class OutboundHttpTests
{
    private const int Limit = 1000;

    [Theory]
    [InlineData("127.0.0.1"), InlineData("127.255.255.254"), InlineData("0.0.0.0"), InlineData("10.1.2.3"), InlineData("172.16.0.1"), InlineData("172.31.255.255"), InlineData("192.168.1.1")]
    [InlineData("169.254.169.254"), InlineData("100.64.0.1"), InlineData("100.100.100.200"), InlineData("192.0.0.192"), InlineData("198.18.0.1"), InlineData("224.0.0.1"), InlineData("255.255.255.255"), InlineData("168.63.129.16")]
    [InlineData("::1"), InlineData("::"), InlineData("fe80::1"), InlineData("fc00::1"), InlineData("fd00:ec2::254"), InlineData("fec0::1"), InlineData("ff02::1"), InlineData("2001:db8::1"), InlineData("2001::1"), InlineData("2002:7f00:1::")]
    [InlineData("::ffff:127.0.0.1"), InlineData("::ffff:10.0.0.1"), InlineData("::ffff:169.254.169.254"), InlineData("::127.0.0.1"), InlineData("64:ff9b::a9fe:a9fe"), InlineData("64:ff9b::10.0.0.1"), InlineData("64:ff9b:1::1")]
    public void An_address_of_this_machine_its_network_or_its_cloud_is_not_public(string address) => Assert.False(PublicAddresses.Contain(IPAddress.Parse(address)));

    [Theory]
    [InlineData("1.1.1.1"), InlineData("172.15.255.255"), InlineData("172.32.0.1"), InlineData("100.63.255.255"), InlineData("100.128.0.1"), InlineData("169.253.1.1"), InlineData("223.255.255.254")]
    [InlineData("2606:4700::1111"), InlineData("2a00:1450::1"), InlineData("::ffff:1.1.1.1"), InlineData("64:ff9b::1.1.1.1")]
    public void An_internet_address_is_public(string address) => Assert.True(PublicAddresses.Contain(IPAddress.Parse(address)));

    [Theory]
    [InlineData("127.0.0.1"), InlineData("::ffff:127.0.0.1"), InlineData("::1")]
    public async Task A_host_that_resolves_to_a_private_address_is_not_called(string address)
    {
        await using var site = await ClientSite.StartAsync(httpContext => httpContext.Response.WriteAsync("secret"), https: true);
        using var outbound = Outbound(allowPrivate: false, [address]);

        Assert.Equal("the host has no public address", (await GetAsync(outbound, $"https://client.example:{site.Address.Port}/keys")).Failure);
        Assert.Equal("the host has no public address", (await GetAsync(outbound, $"https://127.0.0.1:{site.Address.Port}/keys")).Failure);
        Assert.Equal(0, site.Requests);
    }

    [Fact]
    public async Task The_connection_goes_to_the_address_that_was_checked()
    {
        await using var site = await ClientSite.StartAsync(httpContext => httpContext.Response.WriteAsync("here"), https: true);
        var asked = 0;
        using var outbound = new OutboundHttp(Settings(true, false), TimeProvider.System, (host, _) =>
        {
            asked++;
            return Task.FromResult(host == "client.example" ? [IPAddress.Loopback] : Array.Empty<IPAddress>());
        }, Trusts);

        var answer = await GetAsync(outbound, $"https://client.example:{site.Address.Port}/keys");

        // No name server knows it: a second lookup would find nothing.
        Assert.Equal((null, HttpStatusCode.OK, 1), (answer.Failure, answer.Status, asked));
    }

    [Fact]
    public async Task A_certificate_from_an_untrusted_issuer_is_refused()
    {
        await using var site = await ClientSite.StartAsync(httpContext => httpContext.Response.WriteAsync("here"), https: true);
        using var outbound = new OutboundHttp(Settings(true, false), TimeProvider.System, (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Loopback]), trust: null);

        Assert.NotNull((await GetAsync(outbound, $"https://client.example:{site.Address.Port}/")).Failure);
        Assert.Equal(0, site.Requests);
    }

    [Theory]
    [InlineData("http://client.example/keys"), InlineData("ftp://client.example/keys"), InlineData("file:///etc/passwd"), InlineData("https://user:password@client.example/keys"), InlineData("http://192.168.1.1/keys")]
    public async Task Only_https_addresses_are_called(string address)
    {
        var asked = 0;
        using var outbound = new OutboundHttp(Settings(true, true), TimeProvider.System, (_, _) =>
        {
            asked++;
            return Task.FromResult<IPAddress[]>([IPAddress.Loopback]);
        }, null);

        Assert.Equal(("the address is not https", 0), ((await GetAsync(outbound, address)).Failure, asked));
    }

    [Fact]
    public async Task Plain_http_reaches_this_machine_only_in_development()
    {
        await using var site = await ClientSite.StartAsync(httpContext => httpContext.Response.WriteAsync("here"));
        using var development = new OutboundHttp(Settings(true, true), TimeProvider.System);
        using var production = new OutboundHttp(Settings(true, false), TimeProvider.System);

        Assert.True((await GetAsync(development, site.Address.ToString())).IsSuccess);
        Assert.Equal("the address is not https", (await GetAsync(production, site.Address.ToString())).Failure);
    }

    [Fact]
    public async Task A_redirect_is_not_followed()
    {
        await using var site = await ClientSite.StartAsync(httpContext =>
        {
            httpContext.Response.Redirect("/elsewhere");
            return Task.CompletedTask;
        });
        using var outbound = new OutboundHttp(Settings(true, true), TimeProvider.System);

        var answer = await GetAsync(outbound, site.Address.ToString());

        Assert.Equal((false, HttpStatusCode.Redirect, 1), (answer.IsSuccess, answer.Status, site.Requests));
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task An_answer_that_is_too_long_is_a_failure(bool saysItsLength)
    {
        await using var site = await ClientSite.StartAsync(httpContext =>
        {
            var length = httpContext.Request.Path == "/exact" ? Limit : Limit + 1;
            httpContext.Response.ContentLength = saysItsLength ? length : null;
            return httpContext.Response.Body.WriteAsync(new byte[length]).AsTask();
        });
        using var outbound = new OutboundHttp(Settings(true, true), TimeProvider.System);

        Assert.Equal(Limit, (await GetAsync(outbound, $"{site.Address}exact")).Body.Length);
        Assert.Equal("the answer is longer than 1000 octets", (await GetAsync(outbound, $"{site.Address}more")).Failure);
    }

    [Fact]
    public async Task An_answer_that_trickles_in_is_not_waited_for()
    {
        await using var site = await ClientSite.StartAsync(async httpContext =>
        {
            while (!httpContext.RequestAborted.IsCancellationRequested)
            {
                await httpContext.Response.WriteAsync(" ");
                await httpContext.Response.Body.FlushAsync();
                await Task.Delay(100);
            }
        });
        using var outbound = new OutboundHttp(Settings(true, true), TimeProvider.System);

        Assert.Equal("there was no whole answer within 5 s", (await GetAsync(outbound, site.Address.ToString())).Failure);
    }

    [Fact]
    public async Task A_cancelled_call_throws()
    {
        await using var site = await ClientSite.StartAsync(httpContext => Task.Delay(Timeout.Infinite, httpContext.RequestAborted));
        using var outbound = new OutboundHttp(Settings(true, true), TimeProvider.System);
        using var soon = new CancellationTokenSource(200);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => outbound.GetAsync(site.Address, "application/json", Limit, soon.Token));
    }

    [Fact]
    public async Task A_post_sends_its_content_and_does_not_read_the_answer()
    {
        var got = "";
        await using var site = await ClientSite.StartAsync(async httpContext =>
        {
            got = await new StreamReader(httpContext.Request.Body).ReadToEndAsync();
            await httpContext.Response.WriteAsync("never read");
        });
        using var outbound = new OutboundHttp(Settings(true, true), TimeProvider.System);
        using var content = new FormUrlEncodedContent([new("logout_token", "abc")]);

        var answer = await outbound.PostAsync(site.Address, content, CancellationToken.None);

        Assert.Equal((true, 0, "logout_token=abc"), (answer.IsSuccess, answer.Body.Length, got));
    }

    [Fact]
    public async Task An_unknown_host_is_a_failure_in_our_own_words()
    {
        using var outbound = new OutboundHttp(Settings(true, true), TimeProvider.System, (_, _) => throw new System.Net.Sockets.SocketException(11001), null);

        Assert.StartsWith("the request failed", (await GetAsync(outbound, "https://client.example/")).Failure, StringComparison.Ordinal);
    }

    private static OutboundSettings Settings(bool allowPrivate, bool allowHttp) => new() { AllowPrivateAddresses = allowPrivate, AllowHttpToLoopback = allowHttp };

    private static bool Trusts(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors) => certificate?.Subject == "CN=client.example";

    private static OutboundHttp Outbound(bool allowPrivate, string[] addresses) =>
        new(Settings(allowPrivate, true), TimeProvider.System, (host, _) => Task.FromResult(IPAddress.TryParse(host, out var literal) ? [literal] : Array.ConvertAll(addresses, IPAddress.Parse)), Trusts);

    private static Task<OutboundAnswer> GetAsync(OutboundHttp outbound, string address) => outbound.GetAsync(new Uri(address), "application/json", Limit, CancellationToken.None);
}
