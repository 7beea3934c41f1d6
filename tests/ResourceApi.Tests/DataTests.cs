using System.Net;
using System.Text;
using System.Text.Json;
using Testing;
using Xunit;

namespace ResourceApi.Tests;

public sealed class DataTests : IAsyncLifetime
{
    private Store _store = null!;
    private Caller _alice = null!;

    public async ValueTask InitializeAsync()
    {
        _store = await Store.StartAsync();
        _alice = _store.SignIn();
    }

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Fact]
    public async Task A_value_is_stored_read_changed_listed_and_deleted()
    {
        var stored = await _alice.StoreAsync("greeting", "Hello, \"Wörld\" 👋 </script>\n");
        stored.Is(HttpStatusCode.Created);
        Assert.Equal("Data stored successfully.", stored.Message);
        Assert.Equal("/api/data/greeting", stored.Headers.Location!.ToString());

        var read = await _alice.ReadAsync("greeting");
        read.Is(HttpStatusCode.OK);
        Assert.Equal("greeting", read.Data.GetProperty("key").GetString());
        Assert.Equal("Hello, \"Wörld\" 👋 </script>\n", read.Data.GetProperty("value").GetString());
        Assert.Equal(stored.ETag, read.ETag);

        var updated = await _alice.UpdateAsync("greeting", "");
        updated.Is(HttpStatusCode.OK);
        Assert.Equal("Data updated successfully.", updated.Message);
        Assert.NotEqual(stored.ETag, updated.ETag);
        Assert.Equal("", (await _alice.ReadAsync("greeting")).Data.GetProperty("value").GetString());

        var deleted = await _alice.DeleteAsync("greeting");
        deleted.Is(HttpStatusCode.OK);
        Assert.Equal("Data deleted successfully.", deleted.Message);
        (await _alice.ReadAsync("greeting")).Is(HttpStatusCode.NotFound, "KEY_NOT_FOUND");
        (await _alice.UpdateAsync("greeting", "x")).Is(HttpStatusCode.NotFound, "KEY_NOT_FOUND");
        (await _alice.DeleteAsync("greeting")).Is(HttpStatusCode.NotFound, "KEY_NOT_FOUND");
    }

    [Fact]
    public async Task A_key_is_created_once_however_many_try()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 30).Select(i => _alice.StoreAsync("once", "value " + i)));
        Assert.Single(answers, answer => answer.Status == HttpStatusCode.Created);
        Assert.Equal(29, answers.Count(answer => answer.Code == "KEY_EXISTS" && answer.Status == HttpStatusCode.Conflict));
    }

    [Fact]
    public async Task Nobody_sees_or_guesses_anothers_key()
    {
        var bob = _store.SignIn();
        await _alice.StoreAsync("secret", "1");
        (await bob.ReadAsync("secret")).Is(HttpStatusCode.NotFound, "KEY_NOT_FOUND");
        (await bob.UpdateAsync("secret", "2")).Is(HttpStatusCode.NotFound, "KEY_NOT_FOUND");
        (await bob.DeleteAsync("secret")).Is(HttpStatusCode.NotFound, "KEY_NOT_FOUND");
        (await bob.UpdateAsync("secret", "2", ("If-Match", "*"))).Is(HttpStatusCode.NotFound, "KEY_NOT_FOUND");
        Assert.Equal(0, (await bob.ListAsync()).Data.GetProperty("items").GetArrayLength());
        (await bob.StoreAsync("secret", "bob's")).Is(HttpStatusCode.Created);
        Assert.Equal("1", (await _alice.ReadAsync("secret")).Data.GetProperty("value").GetString());
    }

    [Fact]
    public async Task A_clients_own_token_has_its_own_space_even_under_a_users_name()
    {
        var user = _store.Issuer.Claims(Store.Resource);
        var client = (System.Text.Json.Nodes.JsonObject)user.DeepClone();
        client.Remove("grant_id");
        await _store.With(user).StoreAsync("mine", "1");
        (await _store.With(client).ReadAsync("mine")).Is(HttpStatusCode.NotFound, "KEY_NOT_FOUND");
        (await _store.With(client).StoreAsync("mine", "2")).Is(HttpStatusCode.Created);
    }

    [Theory, Rfc("3986", "2.1")]
    [InlineData("a/b")]
    [InlineData("/")]
    [InlineData("a%2Fb")]
    [InlineData("100%")]
    [InlineData("a b+c")]
    [InlineData("a/../b")]
    [InlineData("...")]
    [InlineData("?x=1#y")]
    [InlineData("käse")]
    [InlineData("👋")]
    [InlineData("\u2028")]
    [InlineData("a\"b\\c;d,e")]
    [InlineData("key")]
    public async Task Any_key_can_be_read_back_percent_encoded_once(string key)
    {
        var stored = await _alice.StoreAsync(key, key);
        stored.Is(HttpStatusCode.Created);
        var read = await _alice.SendAsync(HttpMethod.Get, stored.Headers.GetValues("Location").Single());
        Assert.Equal(key, read.Data.GetProperty("key").GetString());
        Assert.Equal(key, read.Data.GetProperty("value").GetString());
        (await _alice.UpdateAsync(key, "new")).Is(HttpStatusCode.OK);
        (await _alice.DeleteAsync(key)).Is(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_key_is_decoded_exactly_once()
    {
        await _alice.StoreAsync("a/b", "slash");
        await _alice.StoreAsync("a%2Fb", "percent");
        Assert.Equal("slash", (await _alice.SendAsync(HttpMethod.Get, "/api/data/a%2Fb")).Data.GetProperty("value").GetString());
        Assert.Equal("slash", (await _alice.SendAsync(HttpMethod.Get, "/api/data/a/b")).Data.GetProperty("value").GetString());
        Assert.Equal("percent", (await _alice.SendAsync(HttpMethod.Get, "/api/data/a%252Fb")).Data.GetProperty("value").GetString());
    }

    [Theory]
    [InlineData("/api/data/%2e")]
    [InlineData("/api/data/%2e%2e")]
    [InlineData("/api/data/.")]
    [InlineData("/api/data/..")]
    [InlineData("/api/data/%2E.")]
    [InlineData("/api/data/")]
    [InlineData("/api/data/%0a")]
    [InlineData("/api/data/%7f")]
    [InlineData("/api/data/%c2%85")]
    [InlineData("/api/data/%zz")]
    [InlineData("/api/data/%2")]
    [InlineData("/api/data/%")]
    [InlineData("/api/data/%ff")]
    [InlineData("/api/data/%c0%af")]
    [InlineData("/api/data/%ed%a0%80")]
    [InlineData("/health/../api/data/x")]
    public async Task A_path_that_is_not_a_valid_key_is_INVALID_KEY_for_every_method(string path)
    {
        (await _alice.SendAsync(HttpMethod.Get, path)).Is(HttpStatusCode.BadRequest, "INVALID_KEY");
        (await _alice.SendAsync(HttpMethod.Put, path, """{"value":"x"}""")).Is(HttpStatusCode.BadRequest, "INVALID_KEY");
        (await _alice.SendAsync(HttpMethod.Delete, path)).Is(HttpStatusCode.BadRequest, "INVALID_KEY");
    }

    [Fact]
    public async Task Dot_segments_reach_no_other_route()
    {
        await _alice.StoreAsync("b", "b");
        (await _alice.SendAsync(HttpMethod.Get, "/api/data/a/%2e%2e/b")).Is(HttpStatusCode.NotFound, "KEY_NOT_FOUND");
        (await _alice.SendAsync(HttpMethod.Get, "/api/data/../../health/live")).Is(HttpStatusCode.NotFound, "KEY_NOT_FOUND");
    }

    [Fact]
    public async Task A_key_has_at_most_256_code_points()
    {
        var longest = string.Concat(Enumerable.Repeat("👋", 256));
        (await _alice.StoreAsync(longest, "x")).Is(HttpStatusCode.Created);
        Assert.Equal("x", (await _alice.ReadAsync(longest)).Data.GetProperty("value").GetString());
        (await _alice.StoreAsync(longest + "a", "x")).Is(HttpStatusCode.BadRequest, "INVALID_KEY");
        (await _alice.ReadAsync(longest + "a")).Is(HttpStatusCode.BadRequest, "INVALID_KEY");
        (await _alice.StoreAsync(new string('a', 257), "x")).Is(HttpStatusCode.BadRequest, "INVALID_KEY");
        (await _alice.ReadAsync(new string('a', 4000))).Is(HttpStatusCode.BadRequest, "INVALID_KEY");
    }

    [Theory]
    [InlineData("""{"value":"v"}""", "INVALID_KEY")]
    [InlineData("""{"key":null,"value":"v"}""", "INVALID_KEY")]
    [InlineData("""{"key":7,"value":"v"}""", "INVALID_KEY")]
    [InlineData("""{"key":["a"],"value":"v"}""", "INVALID_KEY")]
    [InlineData("""{"key":"","value":"v"}""", "INVALID_KEY")]
    [InlineData("""{"key":".","value":"v"}""", "INVALID_KEY")]
    [InlineData("""{"key":"..","value":"v"}""", "INVALID_KEY")]
    [InlineData("""{"key":"a\u0000","value":"v"}""", "INVALID_KEY")]
    [InlineData("""{"key":"a\n","value":"v"}""", "INVALID_KEY")]
    [InlineData("""{"key":"\ud800","value":"v"}""", "INVALID_KEY")]
    [InlineData("""{"Key":"a","value":"v"}""", "INVALID_KEY")]
    [InlineData("""{}""", "INVALID_KEY")]
    [InlineData("""{"key":"a"}""", "INVALID_VALUE")]
    [InlineData("""{"key":"a","value":null}""", "INVALID_VALUE")]
    [InlineData("""{"key":"a","value":7}""", "INVALID_VALUE")]
    [InlineData("""{"key":"a","value":{"x":1}}""", "INVALID_VALUE")]
    [InlineData("""{"key":"a","value":"\u0000"}""", "INVALID_VALUE")]
    [InlineData("""{"key":"a","value":"\udc00"}""", "INVALID_VALUE")]
    [InlineData("""{"key":"a","value":"\ud83d x"}""", "INVALID_VALUE")]
    [InlineData("""{"key":"a","key":"b","value":"v"}""", "INVALID_REQUEST")]
    [InlineData("""{"key":"a","value":"v","x":1,"x":2}""", "INVALID_REQUEST")]
    [InlineData("""{"key":"a","value":"v","k\u0065y":"b"}""", "INVALID_REQUEST")]
    [InlineData("""{"\ud800":1,"key":"a","value":"v"}""", null)]
    [InlineData("""{"key":"a","value":"v"} x""", "INVALID_REQUEST")]
    [InlineData("""{"key":"a","value":"v",}""", "INVALID_REQUEST")]
    [InlineData("""{"key":"a","value":"v" /* c */}""", "INVALID_REQUEST")]
    [InlineData("""[]""", "INVALID_REQUEST")]
    [InlineData("\"x\"", "INVALID_REQUEST")]
    [InlineData("null", "INVALID_REQUEST")]
    [InlineData("", "INVALID_REQUEST")]
    [InlineData("{", "INVALID_REQUEST")]
    public async Task A_wrong_body_is_refused_with_its_own_code(string body, string? code)
    {
        var answer = await _alice.SendAsync(HttpMethod.Post, "/api/data", body);
        if (code is not null)
            answer.Is(HttpStatusCode.BadRequest, code);
        else
            Assert.NotEqual(HttpStatusCode.InternalServerError, answer.Status);
    }

    [Fact]
    public async Task Deep_JSON_and_invalid_UTF8_are_refused()
    {
        var deep = new string('[', 5000) + new string(']', 5000);
        (await _alice.SendAsync(HttpMethod.Post, "/api/data", $$"""{"key":"a","value":{{deep}}}""")).Is(HttpStatusCode.BadRequest, "INVALID_REQUEST");
        using var invalid = new ByteArrayContent([.. "{\"key\":\"a\",\"value\":\""u8, 0xff, .. "\"}"u8]);
        invalid.Headers.ContentType = new("application/json");
        (await _alice.SendContentAsync(HttpMethod.Post, "/api/data", invalid)).Is(HttpStatusCode.BadRequest, "INVALID_REQUEST");
    }

    [Fact]
    public async Task A_value_has_at_most_64_KiB_of_UTF8_and_a_body_1_MiB()
    {
        (await _alice.StoreAsync("full", new string('a', 65536))).Is(HttpStatusCode.Created);
        Assert.Equal(65536, (await _alice.ReadAsync("full")).Data.GetProperty("value").GetString()!.Length);
        (await _alice.StoreAsync("over", new string('a', 65537))).Is(HttpStatusCode.BadRequest, "INVALID_VALUE");
        (await _alice.StoreAsync("over", new string('ä', 32769))).Is(HttpStatusCode.BadRequest, "INVALID_VALUE");
        (await _alice.UpdateAsync("full", new string('a', 65537))).Is(HttpStatusCode.BadRequest, "INVALID_VALUE");

        // Escapes make a body six times as long as its value.
        var escaped = string.Concat(Enumerable.Repeat("\\u0061", 65536));
        (await _alice.SendAsync(HttpMethod.Put, "/api/data/full", $$"""{"value":"{{escaped}}"}""")).Is(HttpStatusCode.OK);

        var body = """{"key":"a","value":"v"}""";
        (await _alice.SendAsync(HttpMethod.Post, "/api/data", body.PadRight(1024 * 1024))).Is(HttpStatusCode.Created);
        (await _alice.SendAsync(HttpMethod.Post, "/api/data", body.PadRight((1024 * 1024) + 1))).Is(HttpStatusCode.RequestEntityTooLarge, "PAYLOAD_TOO_LARGE");
        using var chunked = new StreamContent(new MemoryStream(Encoding.UTF8.GetBytes(body.PadRight(4 * 1024 * 1024))));
        chunked.Headers.ContentType = new("application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/data") { Content = chunked, Headers = { TransferEncodingChunked = true, Authorization = new("Bearer", _alice.Token) } };
        (await _store.SendAsync(request)).Is(HttpStatusCode.RequestEntityTooLarge, "PAYLOAD_TOO_LARGE");
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("application/jsonx")]
    [InlineData("application/json; charset=iso-8859-1")]
    [InlineData(null)]
    public async Task Only_JSON_is_accepted(string? type)
    {
        using var content = new ByteArrayContent("""{"key":"a","value":"v"}"""u8.ToArray());
        if (type is not null)
            content.Headers.TryAddWithoutValidation("Content-Type", type);
        (await _alice.SendContentAsync(HttpMethod.Post, "/api/data", content)).Is(HttpStatusCode.UnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE");
    }

    [Fact]
    public async Task A_compressed_body_is_refused()
    {
        using var content = new ByteArrayContent([1, 2, 3]) { Headers = { ContentType = new("application/json"), ContentEncoding = { "gzip" } } };
        (await _alice.SendContentAsync(HttpMethod.Post, "/api/data", content)).Is(HttpStatusCode.UnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE");
    }

    [Fact, Rfc("9110", "13.1.1")]
    public async Task A_change_happens_only_to_the_version_that_If_Match_names()
    {
        var old = (await _alice.StoreAsync("k", "1")).ETag;
        Assert.False(old.StartsWith("W/", StringComparison.Ordinal));
        var current = (await _alice.UpdateAsync("k", "2", ("If-Match", old))).ETag;
        (await _alice.UpdateAsync("k", "3", ("If-Match", old))).Is(HttpStatusCode.PreconditionFailed, "PRECONDITION_FAILED");
        (await _alice.DeleteAsync("k", ("If-Match", old))).Is(HttpStatusCode.PreconditionFailed, "PRECONDITION_FAILED");
        foreach (var never in new[] { "W/" + current, current.Trim('"'), "\"\"", "\"x\"", "", "garbage", current.ToUpperInvariant() + "x" })
            (await _alice.UpdateAsync("k", "3", ("If-Match", never))).Is(HttpStatusCode.PreconditionFailed, "PRECONDITION_FAILED");
        Assert.Equal("2", (await _alice.ReadAsync("k")).Data.GetProperty("value").GetString());

        current = (await _alice.UpdateAsync("k", "4", ("If-Match", $"\"x\", W/\"y\" , {current}"))).ETag;
        current = (await _alice.UpdateAsync("k", "5", ("If-Match", "*"))).ETag;
        (await _alice.UpdateAsync("none", "5", ("If-Match", "*"))).Is(HttpStatusCode.NotFound, "KEY_NOT_FOUND");
        (await _alice.UpdateAsync("none", "5", ("If-Match", current))).Is(HttpStatusCode.NotFound, "KEY_NOT_FOUND");
        (await _alice.DeleteAsync("k", ("If-Match", current))).Is(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_key_that_was_deleted_and_created_again_has_another_version()
    {
        var old = (await _alice.StoreAsync("k", "1")).ETag;
        await _alice.DeleteAsync("k");
        await _alice.StoreAsync("k", "1");
        (await _alice.UpdateAsync("k", "2", ("If-Match", old))).Is(HttpStatusCode.PreconditionFailed, "PRECONDITION_FAILED");
    }

    [Fact]
    public async Task Of_parallel_changes_to_one_version_one_wins()
    {
        var version = (await _alice.StoreAsync("k", "1")).ETag;
        var answers = await Task.WhenAll(Enumerable.Range(0, 30).Select(i => i % 2 == 0
            ? _alice.UpdateAsync("k", "v" + i, ("If-Match", version))
            : _alice.DeleteAsync("k", ("If-Match", version))));
        Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.All(answers, answer => Assert.True(answer.Status is HttpStatusCode.OK or HttpStatusCode.PreconditionFailed or HttpStatusCode.NotFound));
    }

    [Fact, Rfc("9110", "13.1.2")]
    public async Task If_None_Match_saves_a_body_and_guards_a_change()
    {
        var version = (await _alice.StoreAsync("k", "1")).ETag;
        foreach (var same in new[] { version, "W/" + version, "*", $"\"x\", {version}" })
        {
            var answer = await _alice.ReadAsync("k", ("If-None-Match", same));
            Assert.Equal((HttpStatusCode.NotModified, version), (answer.Status, answer.ETag));
            Assert.Equal(JsonValueKind.Undefined, answer.Body.ValueKind);
            (await _alice.UpdateAsync("k", "2", ("If-None-Match", same))).Is(HttpStatusCode.PreconditionFailed, "PRECONDITION_FAILED");
        }

        (await _alice.ReadAsync("k", ("If-None-Match", "\"x\""))).Is(HttpStatusCode.OK);
        (await _alice.UpdateAsync("k", "2", ("If-None-Match", "\"x\""))).Is(HttpStatusCode.OK);
        (await _alice.ReadAsync("k", ("If-Match", version))).Is(HttpStatusCode.PreconditionFailed, "PRECONDITION_FAILED");
    }

    [Fact]
    public async Task HEAD_is_GET_without_a_body()
    {
        var version = (await _alice.StoreAsync("k", "1")).ETag;
        var head = await _alice.SendAsync(HttpMethod.Head, "/api/data/k");
        Assert.Equal((HttpStatusCode.OK, version, JsonValueKind.Undefined), (head.Status, head.ETag, head.Body.ValueKind));
    }
}
