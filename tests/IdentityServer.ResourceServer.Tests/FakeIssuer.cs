using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

// Compiled into the tests of ResourceApi as well: no folder is right for both.
#pragma warning disable IDE0130
namespace Testing.Issuer;
#pragma warning restore IDE0130

/// <summary>
/// An issuer that a test controls: metadata, keys and a revocation feed over real HTTP, and tokens of any kind.
/// </summary>
public sealed class FakeIssuer : IAsyncDisposable
{
    public const string ClientId = "resource api";
    public const string ClientSecret = "pass:word/ä";

    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, int> _requests = new();
    private readonly List<JsonObject> _entries = [];
    private readonly Lock _gate = new();
    private volatile IssuerKey[] _published;
    private TaskCompletionSource _news = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private FakeIssuer(WebApplication app, IssuerKey key)
    {
        (_app, Key) = (app, key);
        _published = [key];
    }

    public string Address => _app.Urls.Single();

    public IssuerKey Key { get; }

    /// <summary>What the metadata claims to be.</summary>
    public string? Issuer { get; set; }

    /// <summary>Metadata and keys are sent compressed, whether or not the API accepts that.</summary>
    public bool Compresses { get; set; }

    /// <summary>Every connection is cut.</summary>
    public bool IsAway { get; set; }

    /// <summary>The feed takes requests and never answers, as if the network had silently lost them.</summary>
    public bool FeedHangs { get; set; }

    /// <summary>An older cursor than this is refused.</summary>
    public int OldestCursor { get; set; }

    public string? LastAuthorization { get; private set; }

    public static async Task<FakeIssuer> StartAsync(string algorithm = IssuerKey.ES256)
    {
        var builder = WebApplication.CreateSlimBuilder(["--hostBuilder:reloadConfigOnChange=false"]);
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.WebHost.UseShutdownTimeout(TimeSpan.FromMilliseconds(100));
        var app = builder.Build();
        var issuer = new FakeIssuer(app, IssuerKey.Generate(algorithm));
        app.Use(issuer.CountAsync);
        app.MapGet("/.well-known/openid-configuration", issuer.MetadataAsync);
        app.MapGet("/.well-known/jwks", issuer.KeysAsync);
        app.MapGet("/connect/revocations", issuer.FeedAsync);
        await app.StartAsync();
        return issuer;
    }

    public int Requests(string path) => _requests.GetValueOrDefault(path);

    public int AllRequests => _requests.Values.Sum();

    public int KeyRequests => Requests("/.well-known/jwks");

    public int FeedRequests => Requests("/connect/revocations");

    public void Publish(params IssuerKey[] keys) => _published = keys;

    public void Revoke(string of, string name, DateTimeOffset? at = null, DateTimeOffset? until = null)
    {
        var now = TimeProvider.System.GetUtcNow();
        TaskCompletionSource news;
        lock (_gate)
        {
            _entries.Add(new JsonObject
            {
                [of] = name,
                ["at"] = (at ?? now).ToUnixTimeMilliseconds(),
                ["until"] = (until ?? now.AddHours(1)).ToUnixTimeMilliseconds(),
            });
            (news, _news) = (_news, new(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        news.SetResult();
    }

    /// <summary>The claims of a good token of a user; a test changes what it is about.</summary>
    public JsonObject Claims(string audience, string? scope = "data:read data:write", DateTimeOffset? now = null)
    {
        var at = now ?? TimeProvider.System.GetUtcNow();
        var claims = new JsonObject
        {
            ["iss"] = Address,
            ["sub"] = Guid.NewGuid().ToString(),
            ["aud"] = audience,
            ["exp"] = at.AddHours(1).ToUnixTimeSeconds(),
            ["iat"] = at.ToUnixTimeSeconds(),
            ["jti"] = Guid.NewGuid().ToString("N"),
            ["client_id"] = "shop",
            ["grant_id"] = Guid.CreateVersion7(at).ToString(),
            ["roles"] = new JsonArray("admin"),
            ["permissions"] = new JsonArray("users:manage"),
        };
        if (scope is not null)
            claims["scope"] = scope;
        return claims;
    }

    public string Sign(JsonObject claims, string type = "at+jwt", IssuerKey? key = null) => Sign(claims.ToJsonString(), type, key);

    public string Sign(string claims, string type = "at+jwt", IssuerKey? key = null) => (key ?? Key).Sign(type, claims);

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        Key.Dispose();
    }

    private Task CountAsync(HttpContext httpContext, RequestDelegate next)
    {
        _requests.AddOrUpdate(httpContext.Request.Path, 1, (_, count) => count + 1);
        if (!IsAway)
            return next(httpContext);
        httpContext.Abort();
        return Task.CompletedTask;
    }

    private Task MetadataAsync(HttpContext httpContext) =>
        WriteAsync(httpContext, new JsonObject { ["issuer"] = Issuer ?? Address, ["jwks_uri"] = Address + "/.well-known/jwks" });

    private Task KeysAsync(HttpContext httpContext) =>
        WriteAsync(httpContext, new JsonObject { ["keys"] = new JsonArray([.. _published.Select(key => key.PublicJwk())]) });

    private async Task WriteAsync(HttpContext httpContext, JsonObject document)
    {
        httpContext.Response.ContentType = "application/json";
        if (Compresses)
            httpContext.Response.Headers.ContentEncoding = "br";
        await using var body = Compresses ? new System.IO.Compression.BrotliStream(httpContext.Response.Body, System.IO.Compression.CompressionLevel.Fastest) : httpContext.Response.Body;
        await body.WriteAsync(System.Text.Encoding.UTF8.GetBytes(document.ToJsonString()));
    }

    private async Task FeedAsync(HttpContext httpContext)
    {
        LastAuthorization = httpContext.Request.Headers.Authorization;
        if (FeedHangs)
            await Task.Delay(Timeout.Infinite, httpContext.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);

        var after = httpContext.Request.Query["after"].ToString();
        var place = after.Length == 0 ? 0 : int.Parse(after["place:".Length..], System.Globalization.CultureInfo.InvariantCulture);
        if (after.Length > 0 && place < OldestCursor)
        {
            httpContext.Response.StatusCode = 400;
            return;
        }

        var wait = TimeSpan.FromSeconds(int.Parse(httpContext.Request.Query["wait"].ToString(), System.Globalization.CultureInfo.InvariantCulture));
        Task news;
        bool hasNews;
        lock (_gate)
            (news, hasNews) = (_news.Task, _entries.Count > place);
        if (!hasNews && wait > TimeSpan.Zero)
            await Task.WhenAny(news, Task.Delay(wait, httpContext.RequestAborted));
        if (IsAway || FeedHangs)
        {
            httpContext.Abort();
            return;
        }

        string body;
        lock (_gate)
        {
            var revoked = new JsonArray([.. _entries.Skip(place).Select(entry => entry.DeepClone())]);
            body = new JsonObject { ["cursor"] = $"place:{_entries.Count}", ["revoked"] = revoked }.ToJsonString();
        }

        await httpContext.Response.WriteAsync(body);
    }
}
