using System.Net;
using System.Text;
using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

/// <summary>What every endpoint that reads a form refuses before it looks at the parameters.</summary>
public sealed class FormTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Form = "application/x-www-form-urlencoded";

    private readonly ServerUnderTest _server = shared.Server;

    public static TheoryData<string> Endpoints => ["/connect/token", "/connect/revoke", "/connect/introspect"];

    public static TheoryData<string, string> MethodsNotAllowed
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var path in Endpoints)
            {
                foreach (var method in new[] { "GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO" })
                    data.Add(method, path);
            }
            foreach (var path in new[] { "/connect/revocations", "/.well-known/jwks", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server" })
            {
                foreach (var method in new[] { "POST", "PUT", "DELETE" })
                    data.Add(method, path);
            }
            return data;
        }
    }

    public static TheoryData<string> Malformed =>
    [
        "grant_type=client_credentials&x=%", "grant_type=client_credentials&x=%4", "grant_type=client_credentials&x=%zz", "grant_type=client_credentials&x=%u0041",
        "grant_type=client_credentials&x=% 41", "grant_type=client_credentials&x=%+1", "grant_type=client_credentials&x=%-1", "grant_type=client_credentials&%=1",
        "grant_type=client_credentials&x=%ff", "grant_type=client_credentials&x=%c3", "grant_type=client_credentials&x=%c0%80", "grant_type=client_credentials&x=%ed%a0%80",
        "grant_type=client_credentials&x=%f5%80%80%80", "grant_type=client_credentials&x=%00", "grant_type=client_credentials&%00=x", "grant_type=client_credentials%00",
        "grant_type%00=client_credentials", "grant_type=client_credentials&x=\0", "grant_type=client_credentials&client_id=sh%00op",
        // A parameter more than once: RFC 6749 §3.2
        "grant_type=client_credentials&grant_type=client_credentials", "grant_type=client_credentials&grant_type=", "grant_type=&grant_type=client_credentials",
        "grant_type=client_credentials&grant%5Ftype=password", "grant_type=client_credentials&scope=data:read&scope=data:write", "grant_type=client_credentials&scope=&scope=",
        "grant_type=client_credentials&x=1&x=2", "grant_type=client_credentials&x&x", "grant_type=client_credentials&=&=", "grant_type=client_credentials&token=a&token=b&token=c",
    ];

    [Theory, MemberData(nameof(MethodsNotAllowed)), Rfc("6749", "3.2")]
    public async Task Another_method_is_405_with_an_error_in_the_body(string method, string path)
    {
        var answer = await _server.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));

        answer.Refuses(HttpStatusCode.MethodNotAllowed, "invalid_request");
        Assert.NotEmpty(answer.Message.Content.Headers.Allow);
    }

    [Theory, MemberData(nameof(Endpoints))]
    public async Task HEAD_is_405_without_a_body(string path)
    {
        var answer = await _server.SendAsync(new HttpRequestMessage(HttpMethod.Head, path));

        Assert.Equal((HttpStatusCode.MethodNotAllowed, ""), (answer.Status, answer.Body));
        answer.IsNeverStored();
    }

    [Fact]
    public async Task An_unknown_path_is_404_with_an_error_in_the_body()
    {
        foreach (var path in new[] { "/connect", "/connect/", "/connect/tokens", "/connect/token/x", "/.well-known/nothing", "/connect//token" })
            (await _server.SendAsync(new HttpRequestMessage(HttpMethod.Post, path))).Refuses(HttpStatusCode.NotFound, "invalid_request");
    }

    [Theory, MemberData(nameof(Endpoints)), Rfc("6749", "3.2")]
    public async Task Only_a_form_is_accepted(string path)
    {
        foreach (var type in new[] { "application/json", "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded; charset=iso-8859-1", "application/x-www-form-urlencoded2", "application/*", ";", "application/x-www-form-urlencoded, application/json" })
            (await PostAsync(path, "grant_type=client_credentials&token=x"u8.ToArray(), type)).Refuses("invalid_request");
        (await PostAsync(path, """{"grant_type":"client_credentials"}"""u8.ToArray(), "application/json")).Refuses("invalid_request");
        (await PostAsync(path, "grant_type=client_credentials"u8.ToArray(), null)).Refuses("invalid_request");
        (await PostAsync(path, [], null)).Refuses("invalid_request");
        (await PostAsync(path, [], Form)).Refuses("invalid_request");
    }

    [Theory]
    [InlineData("Application/X-WWW-Form-URLencoded")]
    [InlineData("application/x-www-form-urlencoded; charset=UTF-8")]
    [InlineData("application/x-www-form-urlencoded;charset=\"utf-8\"")]
    [InlineData("application/x-www-form-urlencoded ;")]
    public async Task The_content_type_of_a_form_is_accepted_in_every_spelling(string type) =>
        Assert.Equal(HttpStatusCode.OK, (await PostAsync("/connect/token", "grant_type=client_credentials"u8.ToArray(), type)).Status);

    [Theory, MemberData(nameof(Malformed)), Rfc("6749", "3.2")]
    public async Task A_malformed_form_is_refused(string form) =>
        (await PostAsync("/connect/token", Encoding.UTF8.GetBytes(form), Form)).Refuses("invalid_request");

    [Fact]
    public async Task Bytes_that_are_not_UTF_8_are_refused()
    {
        foreach (var bytes in new byte[][] { [0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0x80] })
            (await PostAsync("/connect/token", [.. "grant_type=client_credentials&x="u8, .. bytes], Form)).Refuses("invalid_request");
    }

    [Theory, Rfc("6749", "3.2")]
    [InlineData("&&grant_type=client_credentials&&")]
    [InlineData("grant_type=client_credentials&unknown=1&Grant_Type=password&GRANT_TYPE=password")]
    [InlineData("grant_type=client_credentials&scope=&client_id=&client_secret=&x=&=")]
    [InlineData("grant%5ftype=client%5Fcredentials")]
    [InlineData("grant_type=client_credentials&=x")]
    [InlineData("grant_type=client_credentials&x=%f0%9f%98%80&y=a=b==")]
    public async Task Unknown_and_empty_parameters_are_ignored(string form)
    {
        var answer = await PostAsync("/connect/token", Encoding.UTF8.GetBytes(form), Form);

        Assert.Equal((HttpStatusCode.OK, "data:read data:write"), (answer.Status, answer["scope"]));
    }

    [Theory, MemberData(nameof(Endpoints))]
    public async Task A_body_over_64_KiB_is_413_with_or_without_a_Content_Length(string path)
    {
        const string form = "grant_type=client_credentials&token=x&pad=";
        var full = Encoding.ASCII.GetBytes(form.PadRight(64 * 1024, 'a'));
        byte[] over = [.. full, (byte)'a'];

        Assert.Equal(HttpStatusCode.OK, (await PostAsync(path, full, Form)).Status);
        Assert.Equal(HttpStatusCode.OK, (await PostAsync(path, full, Form, chunked: true)).Status);
        (await PostAsync(path, over, Form)).Refuses(HttpStatusCode.RequestEntityTooLarge, "invalid_request");
        (await PostAsync(path, over, Form, chunked: true)).Refuses(HttpStatusCode.RequestEntityTooLarge, "invalid_request");
        // The body is read to its end, so that the client gets the answer and not a reset.
        (await PostAsync(path, new byte[4 * 1024 * 1024], Form)).Refuses(HttpStatusCode.RequestEntityTooLarge, "invalid_request");
        (await PostAsync(path, new byte[4 * 1024 * 1024], Form, chunked: true)).Refuses(HttpStatusCode.RequestEntityTooLarge, "invalid_request");
    }

    [Fact]
    public async Task A_body_announced_as_huge_is_refused_before_it_is_sent()
    {
        var answer = await _server.SendsRawAsync($"POST /connect/token HTTP/1.1\nHost: x\nConnection: close\nContent-Type: {Form}\nContent-Length: 99999999999\n\n");

        Assert.Equal(413, RawHttp.StatusOf(answer));
        Assert.Contains("\"invalid_request\"", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task More_than_a_hundred_parameters_are_refused()
    {
        Assert.Equal(HttpStatusCode.OK, (await PostAsync("/connect/token", Many(99), Form)).Status);
        (await PostAsync("/connect/token", Many(100), Form)).Refuses("invalid_request");
        (await PostAsync("/connect/token", Many(6000), Form)).Refuses("invalid_request");

        static byte[] Many(int count) => Encoding.ASCII.GetBytes("grant_type=client_credentials" + string.Concat(Enumerable.Range(0, count).Select(i => $"&p{i}=1")));
    }

    [Fact]
    public async Task Odd_HTTP_never_causes_a_500()
    {
        const string form = "grant_type=client_credentials";
        const string head = $"Content-Type: {Form}\nAuthorization: Basic c2hvcDpzaG9wLXNlY3JldA==";
        var version10 = await _server.SendsRawAsync($"POST /connect/token HTTP/1.0\nContent-Length: 29\n{head}\n\n", Encoding.ASCII.GetBytes(form));
        Assert.Equal(200, RawHttp.StatusOf(version10));

        string[] refused =
        [
            await _server.SendsRawAsync($"POST /connect/token HTTP/1.1\nConnection: close\nContent-Length: 29\n{head}\n\n", Encoding.ASCII.GetBytes(form)),
            await _server.SendsRawAsync($"POST /connect/token HTTP/1.1\nHost: a\nHost: b\nConnection: close\nContent-Length: 29\n{head}\n\n", Encoding.ASCII.GetBytes(form)),
            await _server.SendsRawAsync($"POST /connect/token HTTP/1.1\nHost: a\nConnection: close\nContent-Length: 29\nContent-Length: 30\n{head}\n\n", Encoding.ASCII.GetBytes(form)),
            await _server.SendsRawAsync($"POST /connect/token HTTP/1.1\nHost: a\nConnection: close\nTransfer-Encoding: gzip\n{head}\n\n", Encoding.ASCII.GetBytes(form)),
            await _server.SendsRawAsync($"POST /connect/token HTTP/1.1\nHost: a\nConnection: close\nTransfer-Encoding: chunked\n{head}\n\nzz\n", Encoding.ASCII.GetBytes(form)),
            await _server.PostsRawAsync("/connect/token", "X-Nothing: \u0001", form),
            await _server.SendsRawAsync($"POST /connect/token HTTP/1.1\nHost: a\nConnection: close\nTransfer-Encoding: chunked\n{head}\n\n{new string('a', 200)}\n", []),
            await _server.SendsRawAsync($"POST /login HTTP/1.1\nHost: a\nConnection: close\nTransfer-Encoding: chunked\nContent-Type: application/json\n\n{new string('a', 200)}\n", []),
            await _server.SendsRawAsync($"POST /account/sign-in HTTP/1.1\nHost: a\nConnection: close\nTransfer-Encoding: chunked\nContent-Type: {Form}\n\n{new string('a', 200)}\n", []),
        ];
        Assert.All(refused, answer => Assert.InRange(RawHttp.StatusOf(answer), 400, 499));
        Assert.DoesNotContain(_server.Log.Lines, line => line.Contains(" 3001 ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_caller_that_hangs_up_while_sending_its_body_is_not_logged_as_an_error()
    {
        using (var socket = new System.Net.Sockets.TcpClient())
        {
            await socket.ConnectAsync(_server.Address.Host, _server.Address.Port);
            await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"POST /connect/token HTTP/1.1\r\nHost: a\r\nContent-Type: {Form}\r\nContent-Length: 500\r\n\r\ngrant"));
            await Task.Delay(100);
            socket.Client.LingerState = new(true, 0);
        }
        await Task.Delay(300);

        Assert.DoesNotContain(_server.Log.Lines, line => line.Contains(" 3001 ", StringComparison.Ordinal) || line.StartsWith("Error", StringComparison.Ordinal));
    }

    private async Task<Answer> PostAsync(string path, byte[] body, string? type, bool chunked = false)
    {
        var content = chunked ? (HttpContent)new StreamContent(new Unseekable(body)) : new ByteArrayContent(body);
        if (type is not null)
            Assert.True(content.Headers.TryAddWithoutValidation("Content-Type", type));
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = content, Headers = { Authorization = Calls.AsShop } };
        request.Headers.TransferEncodingChunked = chunked ? true : null;
        return await _server.SendAsync(request);
    }

    private sealed class Unseekable(byte[] bytes) : MemoryStream(bytes)
    {
        public override bool CanSeek => false;
    }
}
