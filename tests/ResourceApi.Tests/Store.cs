using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ResourceApi.Storage;
using Testing;
using Testing.Issuer;
using Xunit;

namespace ResourceApi.Tests;

/// <summary>A running ResourceApi over real HTTP, with its own database and the test's own issuer.</summary>
internal sealed class Store : IAsyncDisposable
{
    public const string Resource = "http://localhost:5010";

    private readonly TestDatabase _database;
    private readonly ResourceApiHost _host;
    private readonly HttpClient _http;

    private Store(FakeIssuer issuer, TestDatabase database, ResourceApiHost host)
    {
        (Issuer, _database, _host) = (issuer, database, host);
        Address = new Uri(host.Addresses.Single());
        _http = new HttpClient { BaseAddress = Address };
    }

    public FakeIssuer Issuer { get; }

    public Uri Address { get; }

    public string ConnectionString => _database.ConnectionString;

    public IServiceProvider Services => _host.Services;

    public static async Task<Store> StartAsync(params string[] settings)
    {
        var issuer = await FakeIssuer.StartAsync();
        var database = await TestDatabase.CreateAsync("resource", connectionString => Schema.MigrateAsync(connectionString, default));
        return new Store(issuer, database, await StartHostAsync(issuer, database.ConnectionString, settings));
    }

    public static Task<ResourceApiHost> StartHostAsync(FakeIssuer issuer, string connectionString, params string[] settings) => ResourceApiHost.StartAsync(
    [
        "--environment=Production",
        "--urls=http://127.0.0.1:0",
        "--ResourceApi:Authority=" + issuer.Address,
        "--ResourceApi:AllowInsecureHttp=true",
        "--ResourceApi:Resource=" + Resource,
        "--ResourceApi:ClientId=" + FakeIssuer.ClientId,
        "--ResourceApi:ClientSecret=" + FakeIssuer.ClientSecret,
        "--ConnectionStrings:ResourceApi=" + connectionString,
        "--Logging:LogLevel:Default=None",
        "--hostBuilder:reloadConfigOnChange=false",
        .. settings,
    ]);

    public Caller SignIn(string? scope = "data:read data:write") => new(this, Issuer.Sign(Issuer.Claims(Resource, scope)));

    public Caller With(JsonObject claims) => new(this, Issuer.Sign(claims));

    public Caller Anonymous => new(this, null);

    public async Task<Answer> SendAsync(HttpRequestMessage request)
    {
        using var response = await _http.SendAsync(request);
        return await Answer.ReadAsync(response);
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _host.DisposeAsync();
        await _database.DisposeAsync();
        await Issuer.DisposeAsync();
    }
}

/// <summary>A caller with one token.</summary>
internal sealed class Caller(Store store, string? token)
{
    public string? Token => token;

    public Task<Answer> StoreAsync(string key, string value) =>
        SendAsync(HttpMethod.Post, "/api/data", new JsonObject { ["key"] = key, ["value"] = value }.ToJsonString());

    public Task<Answer> ReadAsync(string key, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Get, PathOf(key), null, headers);

    public Task<Answer> UpdateAsync(string key, string value, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Put, PathOf(key), new JsonObject { ["value"] = value }.ToJsonString(), headers);

    public Task<Answer> DeleteAsync(string key, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Delete, PathOf(key), null, headers);

    public Task<Answer> ListAsync(string query = "") => SendAsync(HttpMethod.Get, "/api/data" + query);

    public Task<Answer> SendAsync(HttpMethod method, string path, string? json = null, params (string Name, string Value)[] headers) =>
        SendContentAsync(method, path, json is null ? null : new StringContent(json, Encoding.UTF8, "application/json"), headers);

    public async Task<Answer> SendContentAsync(HttpMethod method, string path, HttpContent? content, params (string Name, string Value)[] headers)
    {
        // As written: the client library must not normalize the path.
        using var request = new HttpRequestMessage(method, new Uri(store.Address.GetLeftPart(UriPartial.Authority) + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true })) { Content = content };
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return await store.SendAsync(request);
    }

    private static string PathOf(string key) => "/api/data/" + Uri.EscapeDataString(key);
}

internal sealed record Answer(HttpStatusCode Status, JsonElement Body, HttpResponseHeaders Headers, HttpContentHeaders ContentHeaders)
{
    public string? Code => Body.ValueKind == JsonValueKind.Object && Body.TryGetProperty("code", out var code) ? code.GetString() : null;

    public string? Message => Body.GetProperty("message").GetString();

    public JsonElement Data => Body.GetProperty("data");

    public string ETag => Headers.ETag!.ToString();

    public static async Task<Answer> ReadAsync(HttpResponseMessage response)
    {
        var octets = await response.Content.ReadAsByteArrayAsync();
        var body = octets.Length == 0 ? default : JsonDocument.Parse(octets).RootElement;
        return new Answer(response.StatusCode, body, response.Headers, response.Content.Headers);
    }

    /// <summary>An error in its envelope, with this status and code.</summary>
    public void Is(HttpStatusCode status, string code)
    {
        Assert.Equal((status, code), (Status, Code));
        Assert.Equal("error", Body.GetProperty("status").GetString());
        Assert.Equal("application/json", ContentHeaders.ContentType!.ToString());
        Assert.Equal("no-store", Headers.CacheControl!.ToString());
        Assert.NotEmpty(Message!);
    }

    public void Is(HttpStatusCode status)
    {
        Assert.Equal((status, null), (Status, Code));
        Assert.Equal("success", Body.GetProperty("status").GetString());
    }
}
