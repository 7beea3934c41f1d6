using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Testing;
using Testing.Issuer;

namespace IdentityServer.ResourceServer.Tests;

/// <summary>Somebody's API that accepts our tokens by the one call, over real HTTP.</summary>
internal sealed class ProtectedApi : IAsyncDisposable
{
    public const string Resource = "https://api.example.com/v1";

    private readonly WebApplication _app;
    private readonly HttpClient _http;

    private ProtectedApi(WebApplication app, TestClock clock)
    {
        (_app, Clock) = (app, clock);
        _http = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
    }

    public TestClock Clock { get; }

    public Uri Address => _http.BaseAddress!;

    /// <summary>The sign-outs it was told about.</summary>
    public ConcurrentQueue<BackchannelLogout> LoggedOut { get; } = new();

    /// <summary>What its own handling of a sign-out throws.</summary>
    public Exception? LogoutFault { get; set; }

    public IServiceProvider Services => _app.Services;

    public static async Task<ProtectedApi> StartAsync(FakeIssuer issuer, Action<IdentityServerTokensOptions>? configure = null)
    {
        var clock = new TestClock();
        var builder = WebApplication.CreateSlimBuilder(["--environment=Development", "--hostBuilder:reloadConfigOnChange=false"]);
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton<TimeProvider>(clock);
        builder.Services.AddIdentityServerTokens(options =>
        {
            options.Authority = issuer.Address;
            options.Resource = Resource;
            options.ClientId = FakeIssuer.ClientId;
            options.ClientSecret = FakeIssuer.ClientSecret;
            options.Scopes.Add("data:read");
            configure?.Invoke(options);
        });
        var app = builder.Build();
        app.MapGet("/read", context =>
        {
            // What an application adds to a principal must not be there at the next request.
            var identity = (System.Security.Claims.ClaimsIdentity)context.User.Identity!;
            var extra = context.User.FindAll("extra").Count();
            identity.AddClaim(new System.Security.Claims.Claim("extra", "1"));
            return context.Response.WriteAsync($"{identity.Name} {context.User.IsInRole("admin")} {context.User.FindFirst("permissions")?.Value} {context.RequireAccessToken().ClientId} {extra}");
        }).RequireScope("data:read");
        app.MapGet("/write", context => context.Response.WriteAsync("written")).RequireScope("data:write");
        app.MapGet("/actor", context => context.Response.WriteAsync(context.RequireAccessToken().Actor ?? "")).RequireScope("data:read");
        app.MapGet("/open", context => context.Response.WriteAsync("open"));
        app.MapPost("/read", context => context.Response.WriteAsync("posted")).RequireScope("data:read");
        app.MapProtectedResourceMetadata();
        ProtectedApi? api = null;
        app.MapBackchannelLogout("/backchannel-logout", (logout, _) =>
        {
            if (api!.LogoutFault is { } fault)
                throw fault;
            api.LoggedOut.Enqueue(logout);
            return Task.CompletedTask;
        });
        await app.StartAsync();
        return api = new ProtectedApi(app, clock);
    }

    public Task<HttpResponseMessage> GetAsync(string path, string? token) => GetWithHeaderAsync(path, token is null ? null : "Bearer " + token);

    public async Task<HttpResponseMessage> GetWithHeaderAsync(string path, params string?[] authorization)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (authorization is [{ } header])
            request.Headers.TryAddWithoutValidation("Authorization", header);
        return await _http.SendAsync(request);
    }

    /// <summary>What no client library would send.</summary>
    public async Task<string> SendRawAsync(string request)
    {
        using var client = new System.Net.Sockets.TcpClient();
        await client.ConnectAsync(_http.BaseAddress!.Host, _http.BaseAddress.Port);
        await client.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes(request));
        using var reader = new StreamReader(client.GetStream());
        return await reader.ReadToEndAsync();
    }

    public Task<HttpResponseMessage> PostAsync(string path, HttpContent content) => _http.PostAsync(path, content);

    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request) => _http.SendAsync(request);

    public async Task<HttpStatusCode> StatusAsync(string token, string path = "/read")
    {
        using var response = await GetAsync(path, token);
        return response.StatusCode;
    }

    /// <summary>Asks again and again; false when the answer did not come in time.</summary>
    public async Task<bool> AnswersAsync(HttpStatusCode status, string token, TimeSpan within)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(start) < within)
        {
            if (await StatusAsync(token) == status)
                return true;
            await Task.Delay(20);
        }

        return false;
    }

    public static string Challenge(HttpResponseMessage response) => response.Headers.TryGetValues("WWW-Authenticate", out var values) ? values.Single() : "";

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _app.DisposeAsync();
    }
}
