using System.Net;
using System.Net.Http.Headers;
using System.Text;
using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Accounts;

/// <summary>The rules for every route that takes a body.</summary>
public sealed class JsonBodyTests(AccountsServer shared) : IClassFixture<AccountsServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    private static readonly string[] Paths =
        ["/api/register", "/register", "/auth/register", "/api/token", "/auth/token", "/login", "/auth/login", "/auth/change_password", "/auth/reset_password"];

    [Theory, Rfc("8259", "2")]
    [InlineData("")]
    [InlineData("  ")]
    [InlineData("nonsense")]
    [InlineData("[]")]
    [InlineData("\"text\"")]
    [InlineData("null")]
    [InlineData("{\"username\":\"a\",}")]
    [InlineData("{\"username\":\"a\"} {}")]
    [InlineData("{\"username\":\"a\" /* so */}")]
    [InlineData("{'username':'a'}")]
    [InlineData("{\"email\":\"a\",\"email\":\"b\",\"password\":\"c\"}")]
    [InlineData("{\"email\":\"a\",\"em\\u0061il\":\"b\"}")]
    [InlineData("{\"unknown\":{\"a\":1,\"a\":2}}")]
    [InlineData("{\"\\ud800\":1}")]
    [InlineData("{\"unknown\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}")]
    public async Task A_malformed_body_is_an_invalid_request(string body)
    {
        foreach (var path in Paths)
            (await SendAsync(path, Encoding.UTF8.GetBytes(body), "application/json")).IsRefused("INVALID_REQUEST");
    }

    [Fact]
    public async Task Bytes_that_are_not_utf8_are_an_invalid_request()
    {
        foreach (var path in Paths)
            (await SendAsync(path, [.. "{\"x\":\""u8, 0xC3, 0x28, .. "\"}"u8], "application/json")).IsRefused("INVALID_REQUEST");
    }

    [Fact]
    public async Task No_body_at_all_is_an_invalid_request()
    {
        foreach (var path in Paths)
            (await _server.SendAsync(new HttpRequestMessage(HttpMethod.Post, path) { Headers = { Authorization = await BearerAsync() } })).IsRefused("INVALID_REQUEST");
    }

    [Theory]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("text/plain")]
    [InlineData("text/json")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("nonsense")]
    [InlineData(null)]
    public async Task Another_media_type_is_refused(string? mediaType)
    {
        foreach (var path in Paths)
            (await SendAsync(path, "{}"u8.ToArray(), mediaType)).IsRefused("UNSUPPORTED_MEDIA_TYPE", HttpStatusCode.UnsupportedMediaType);
    }

    [Theory]
    [InlineData("application/json; charset=utf-8")]
    [InlineData("Application/JSON; charset=\"UTF-8\"")]
    public async Task The_media_type_may_name_its_charset(string mediaType) =>
        Assert.Equal(HttpStatusCode.OK, (await SendAsync("/login", Encoding.UTF8.GetBytes($$"""{"username":"{{World.Alice}}","password":"{{World.AlicePassword}}"}"""), mediaType)).Status);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task More_than_64_KiB_is_too_large(bool tellsLength)
    {
        foreach (var path in Paths)
        {
            using var content = new StreamContent(new MemoryStream([.. "{\"x\":\""u8, .. new byte[70_000].Select(_ => (byte)'x'), .. "\"}"u8]));
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = content, Headers = { Authorization = await BearerAsync(), TransferEncodingChunked = !tellsLength } };
            (await _server.SendAsync(request)).IsRefused("PAYLOAD_TOO_LARGE", HttpStatusCode.RequestEntityTooLarge);
        }
    }

    [Theory]
    [InlineData("/login", """{"username":1,"password":"x"}""")]
    [InlineData("/login", """{"email":[],"password":"x"}""")]
    [InlineData("/api/token", """{"username":"x","password":12345678}""")]
    [InlineData("/api/token", """{"username":"x","password":"\udc00"}""")]
    [InlineData("/auth/change_password", """{"current_password":1,"new_password":"x"}""")]
    [InlineData("/auth/reset_password", """{"email":1}""")]
    [InlineData("/auth/reset_password", """{"email":"x","reset_token":1,"new_password":"x"}""")]
    public async Task A_member_of_the_wrong_type_is_an_invalid_request(string path, string body) =>
        (await SendAsync(path, Encoding.UTF8.GetBytes(body), "application/json")).IsRefused("INVALID_REQUEST");

    [Theory]
    [InlineData("/api/token", "{}")]
    [InlineData("/auth/token", """{"username":"alice"}""")]
    [InlineData("/login", """{"password":"x"}""")]
    [InlineData("/auth/login", """{"username":"","password":"x"}""")]
    [InlineData("/login", """{"username":"alice","password":""}""")]
    [InlineData("/login", """{"username":null,"email":null,"password":"x"}""")]
    [InlineData("/auth/change_password", """{"current_password":"x"}""")]
    [InlineData("/auth/change_password", """{"current_password":"","new_password":"x"}""")]
    [InlineData("/auth/reset_password", "{}")]
    [InlineData("/auth/reset_password", """{"email":""}""")]
    [InlineData("/auth/reset_password", """{"email":"x","reset_token":"y"}""")]
    [InlineData("/auth/reset_password", """{"email":"x","new_password":"y"}""")]
    [InlineData("/auth/reset_password", """{"reset_token":"x","new_password":"y"}""")]
    public async Task A_missing_field_is_reported(string path, string body) =>
        (await SendAsync(path, Encoding.UTF8.GetBytes(body), "application/json")).IsRefused("MISSING_FIELDS");

    [Theory]
    [InlineData("GET")]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    public async Task Another_method_is_refused(string method)
    {
        foreach (var path in (string[])[.. Paths, "/logout", "/auth/logout"])
            (await _server.SendAsync(new HttpRequestMessage(new HttpMethod(method), path))).IsRefused("METHOD_NOT_ALLOWED", HttpStatusCode.MethodNotAllowed);
    }

    private async Task<Answer> SendAsync(string path, byte[] body, string? mediaType)
    {
        var content = new ByteArrayContent(body);
        if (mediaType is not null)
            content.Headers.TryAddWithoutValidation("Content-Type", mediaType);
        return await _server.SendAsync(new HttpRequestMessage(HttpMethod.Post, path) { Content = content, Headers = { Authorization = await BearerAsync() } });
    }

    /// <summary>Only one route needs it; the others must ignore it.</summary>
    private async Task<AuthenticationHeaderValue> BearerAsync() => new("Bearer", await (_token ??= SignInAsync(_server)));

    private static async Task<string> SignInAsync(ServerUnderTest server) => (await server.SignsInAsync()).AccessToken!;

    private Task<string>? _token;
}
