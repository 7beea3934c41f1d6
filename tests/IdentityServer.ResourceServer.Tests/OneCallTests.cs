using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Testing;
using Testing.Issuer;
using Xunit;

namespace IdentityServer.ResourceServer.Tests;

/// <summary>An API that makes the one call and maps nothing of ours.</summary>
public sealed class OneCallTests : IAsyncLifetime
{
    private readonly HttpClient _http = new();
    private FakeIssuer _issuer = null!;

    public async ValueTask InitializeAsync() => _issuer = await FakeIssuer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _issuer.DisposeAsync();
    }

    [Theory, Rfc("9728", "5.1")]
    [InlineData("https://orders.example.com", "/.well-known/oauth-protected-resource")]
    [InlineData("https://example.com/orders", "/.well-known/oauth-protected-resource/orders")]
    public async Task The_metadata_that_the_challenge_names_is_served_even_if_the_API_requires_authentication(string resource, string path)
    {
        await using var api = await StartAsync(resource);

        using var refused = await _http.GetAsync(new Uri(api.Urls.Single() + "/orders"));
        using var document = await _http.GetAsync(new Uri(api.Urls.Single() + path));

        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Contains($"resource_metadata=\"{new Uri(resource).GetLeftPart(UriPartial.Authority)}{path}\"", ProtectedApi.Challenge(refused), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, document.StatusCode);
        Assert.Equal("application/json", document.Content.Headers.ContentType!.MediaType);
        var json = JsonDocument.Parse(await document.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal((resource, _issuer.Address), (json.GetProperty("resource").GetString(), json.GetProperty("authorization_servers")[0].GetString()));
    }

    [Theory]
    [InlineData("GET", "/.well-known/oauth-protected-resource/payments")]
    [InlineData("GET", "/.well-known/oauth-protected-resources")]
    [InlineData("GET", "/orders/.well-known/oauth-protected-resource")]
    [InlineData("POST", "/.well-known/oauth-protected-resource")]
    public async Task Every_other_path_and_method_is_left_to_the_API(string method, string path)
    {
        await using var api = await StartAsync("https://example.com/orders");
        using var request = new HttpRequestMessage(new HttpMethod(method), api.Urls.Single() + path);

        using var answer = await _http.SendAsync(request);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task An_API_that_maps_its_own_document_serves_that()
    {
        await using var api = await StartAsync(
            "https://orders.example.com", app => app.MapGet("/.well-known/oauth-protected-resource", context => context.Response.WriteAsync("its own")).AllowAnonymous());

        Assert.Equal("its own", await _http.GetStringAsync(new Uri(api.Urls.Single() + "/.well-known/oauth-protected-resource")));
    }

    private async Task<WebApplication> StartAsync(string resource, Action<WebApplication>? map = null)
    {
        var builder = WebApplication.CreateSlimBuilder(["--environment=Development", "--hostBuilder:reloadConfigOnChange=false"]);
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddIdentityServerTokens(options =>
        {
            options.Authority = _issuer.Address;
            options.Resource = resource;
            options.ClientId = FakeIssuer.ClientId;
            options.ClientSecret = FakeIssuer.ClientSecret;
        });
        builder.Services.AddAuthorizationBuilder().SetFallbackPolicy(new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build());
        var app = builder.Build();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapGet("/orders", context => context.Response.WriteAsync("orders")).RequireScope("orders:read");
        map?.Invoke(app);
        await app.StartAsync();
        return app;
    }
}
