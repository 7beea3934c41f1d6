using System.Net;
using System.Text.Json;
using IdentityServer.ResourceServer.JwtBearer;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Testing;
using Testing.Issuer;
using Xunit;

namespace IdentityServer.ResourceServer.Tests;

/// <summary>An API that has ASP.NET Core's own JwtBearer: the same rules over real HTTP.</summary>
public sealed class JwtBearerTests : IAsyncLifetime
{
    private const string Resource = "https://api.example.com";

    private readonly HttpClient _http = new();
    private readonly DpopKey _key = new();
    private FakeIssuer _issuer = null!;
    private WebApplication _api = null!;

    public async ValueTask InitializeAsync()
    {
        _issuer = await FakeIssuer.StartAsync();
        _api = await StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        _key.Dispose();
        await _api.DisposeAsync();
        await _issuer.DisposeAsync();
    }

    private async Task<WebApplication> StartAsync(Action<JwtBearerOptions>? configure = null, Action<AuthenticationBuilder>? add = null, Action<WebApplication>? map = null)
    {
        var builder = WebApplication.CreateSlimBuilder(["--environment=Development", "--hostBuilder:reloadConfigOnChange=false"]);
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var authentication = builder.Services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme).AddJwtBearer(options =>
        {
            (options.Authority, options.Audience, options.RequireHttpsMetadata) = (_issuer.Address, Resource, false);
            configure?.Invoke(options);
        });
        (add ?? All)(authentication);
        var app = builder.Build();
        app.MapGet("/read", context => context.Response.WriteAsync(
            $"{context.User.Identity!.Name} {context.User.IsInRole("admin")} {context.RequireAccessToken().ClientId}")).RequireScope("data:read");
        app.MapGet("/write", () => "written").RequireScope("data:write");
        app.MapGet("/open", () => "open");
        map?.Invoke(app);
        await app.StartAsync();
        return app;
    }

    private static void All(AuthenticationBuilder authentication) =>
        authentication.AddRevocationFeed(options => (options.ClientId, options.ClientSecret) = (FakeIssuer.ClientId, FakeIssuer.ClientSecret)).AddDpop();

    private async Task<HttpResponseMessage> SendAsync(string? header, string? proof = null, string path = "/read", WebApplication? api = null, string? cookie = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, (api ?? _api).Urls.Single() + path);
        if (header is not null)
            request.Headers.TryAddWithoutValidation("Authorization", header);
        if (proof is not null)
            request.Headers.Add("DPoP", proof);
        if (cookie is not null)
            request.Headers.Add("Cookie", "token=" + cookie);
        return await _http.SendAsync(request);
    }

    private async Task RefusesAsync(string error, string header, string? proof = null)
    {
        using var response = await SendAsync(header, proof);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Contains($"error=\"{error}\"", ProtectedApi.Challenge(response), StringComparison.Ordinal);
    }

    [Fact, Rfc("9068", "4")]
    public async Task A_valid_token_is_accepted_and_identifies_the_caller()
    {
        var claims = _issuer.Claims(Resource);
        using var response = await SendAsync("Bearer " + _issuer.Sign(claims));
        Assert.Equal($"{claims["sub"]} True shop", await response.Content.ReadAsStringAsync());
    }

    [Theory, Rfc("6750", "3.1"), Rfc("9728", "5.1")]
    [InlineData(null)]
    [InlineData("Basic YTpi")]
    public async Task Without_a_token_the_challenge_has_no_error_code(string? header)
    {
        using var response = await SendAsync(header);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal("Bearer realm=\"https://api.example.com\", resource_metadata=\"https://api.example.com/.well-known/oauth-protected-resource\"", ProtectedApi.Challenge(response));
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
    }

    [Fact, Rfc("9728", "3.1")]
    public async Task The_metadata_that_the_challenge_names_is_served()
    {
        using var response = await SendAsync(null, path: "/.well-known/oauth-protected-resource");
        var json = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal((Resource, _issuer.Address), (json.GetProperty("resource").GetString(), json.GetProperty("authorization_servers")[0].GetString()));
    }

    [Fact, Rfc("6750", "3.1")]
    public async Task A_missing_scope_is_403_and_named()
    {
        using var response = await SendAsync("Bearer " + _issuer.Sign(_issuer.Claims(Resource, "data:read")), path: "/write");
        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
        Assert.Contains("error=\"insufficient_scope\"", ProtectedApi.Challenge(response), StringComparison.Ordinal);
        Assert.Contains("scope=\"data:write\"", ProtectedApi.Challenge(response), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("jti")]
    [InlineData("grant_id")]
    [InlineData("sub")]
    public async Task A_revoked_token_is_dead(string of)
    {
        var claims = _issuer.Claims(Resource, now: TimeProvider.System.GetUtcNow().AddSeconds(-1));
        var token = "Bearer " + _issuer.Sign(claims);
        using (var before = await SendAsync(token))
            Assert.Equal(HttpStatusCode.OK, before.StatusCode);
        _issuer.Revoke(of, claims[of]!.ToString());
        await Wait.UntilAsync(async () =>
        {
            using var after = await SendAsync(token);
            return after.StatusCode == HttpStatusCode.Unauthorized && ProtectedApi.Challenge(after).Contains("The access token was revoked.", StringComparison.Ordinal);
        }, "the token is dead");
    }

    [Fact]
    public async Task Without_an_answer_from_the_issuer_it_is_503_and_never_500()
    {
        _issuer.IsAway = true;
        await using var api = await StartAsync();
        using var response = await SendAsync("Bearer " + _issuer.Sign(_issuer.Claims(Resource)), api: api);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal("1", response.Headers.RetryAfter!.ToString());
    }

    [Fact]
    public async Task Tokens_that_the_library_alone_would_accept_are_refused()
    {
        var claims = _issuer.Claims(Resource).ToJsonString();
        await RefusesAsync("invalid_token", "Bearer " + _issuer.Sign(claims[..^1] + ",\"sub\":\"root\"}"));
        await RefusesAsync("invalid_token", "Bearer " + _issuer.Sign(claims, type: "JWT"));
        await RefusesAsync("invalid_token", "Bearer " + _issuer.Sign(_issuer.Claims("https://other.example")));
        await RefusesAsync("invalid_token", "Bearer " + _issuer.Sign(claims) + "=");
        await RefusesAsync("invalid_token", "Bearer " + new string('a', 17 * 1024));
        using var other = IssuerKey.Generate(IssuerKey.ES256);
        await RefusesAsync("invalid_token", "Bearer " + _issuer.Sign(claims, key: other));
        var old = _issuer.Claims(Resource, now: TimeProvider.System.GetUtcNow().AddHours(-2));
        // JwtBearer allows five minutes; this is one.
        old["exp"] = TimeProvider.System.GetUtcNow().AddMinutes(-1).ToUnixTimeSeconds();
        using var expired = await SendAsync("Bearer " + _issuer.Sign(old));
        Assert.Contains("The access token has expired.", ProtectedApi.Challenge(expired), StringComparison.Ordinal);
    }

    [Fact, Rfc("6750", "3.1")]
    public async Task A_malformed_header_is_an_invalid_request()
    {
        using var response = await SendAsync("Bearer \"a\"");
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("error=\"invalid_request\"", ProtectedApi.Challenge(response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_open_endpoint_ignores_a_bad_token()
    {
        using var response = await SendAsync("Bearer garbage", path: "/open");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact, Rfc("9449", "7.1"), Rfc("9449", "7.2")]
    public async Task A_bound_token_needs_a_proof_and_each_proof_works_once()
    {
        var claims = _issuer.Claims(Resource);
        claims["cnf"] = new System.Text.Json.Nodes.JsonObject { ["jkt"] = _key.Thumbprint };
        var token = _issuer.Sign(claims);
        var proof = _key.Proof("GET", Resource + "/read", TimeProvider.System.GetUtcNow(), null, token);

        await RefusesAsync("invalid_token", "Bearer " + token);
        await RefusesAsync("invalid_dpop_proof", "DPoP " + token);
        using (var first = await SendAsync("DPoP " + token, proof))
            Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        using var again = await SendAsync("DPoP " + token, proof);
        Assert.StartsWith("DPoP ", ProtectedApi.Challenge(again), StringComparison.Ordinal);
        Assert.Contains("used before", ProtectedApi.Challenge(again), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_applications_own_events_are_raised_but_cannot_bypass_the_checks()
    {
        var heard = 0;
        await using var api = await StartAsync(options => options.Events = new JwtBearerEvents
        {
            OnTokenValidated = context =>
            {
                heard++;
                context.Success();
                return Task.CompletedTask;
            },
        });
        using (var good = await SendAsync("Bearer " + _issuer.Sign(_issuer.Claims(Resource)), api: api))
            Assert.Equal(HttpStatusCode.OK, good.StatusCode);
        Assert.Equal(1, heard);
        var claims = _issuer.Claims(Resource);
        _issuer.Revoke("jti", claims["jti"]!.ToString());
        await Wait.UntilAsync(async () =>
        {
            using var response = await SendAsync("Bearer " + _issuer.Sign(claims), api: api);
            return response.StatusCode == HttpStatusCode.Unauthorized;
        }, "the token is dead");
        // The application's events are not called for a refused token.
        var before = heard;
        using var dead = await SendAsync("Bearer " + _issuer.Sign(claims), api: api);
        Assert.Equal((HttpStatusCode.Unauthorized, before), (dead.StatusCode, heard));
    }

    [Fact]
    public async Task The_application_may_refuse_a_valid_token()
    {
        await using var api = await StartAsync(options => options.Events = new JwtBearerEvents
        {
            OnTokenValidated = context =>
            {
                context.Fail("not today");
                return Task.CompletedTask;
            },
        });
        using var refused = await SendAsync("Bearer " + _issuer.Sign(_issuer.Claims(Resource)), api: api);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Contains("error=\"invalid_token\"", ProtectedApi.Challenge(refused), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_token_that_was_validated_is_checked_wherever_the_application_reads_it_from()
    {
        await using var api = await StartAsync(options => options.Events = new JwtBearerEvents
        {
            OnMessageReceived = context =>
            {
                context.Token = context.Request.Cookies["token"] ?? context.Token;
                return Task.CompletedTask;
            },
        });
        var bound = _issuer.Claims(Resource);
        bound["cnf"] = new System.Text.Json.Nodes.JsonObject { ["jkt"] = _key.Thumbprint };
        var good = _issuer.Sign(_issuer.Claims(Resource));
        foreach (var header in new[] { null, "Bearer " + good })
        {
            using (var let = await SendAsync(header, cookie: good, api: api))
                Assert.Equal(HttpStatusCode.OK, let.StatusCode);
            foreach (var bad in new[] { _issuer.Sign(bound), _issuer.Sign(_issuer.Claims(Resource), type: "JWT"), "garbage" })
            {
                using var refused = await SendAsync(header, cookie: bad, api: api);
                Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
                Assert.Contains("error=\"invalid_token\"", ProtectedApi.Challenge(refused), StringComparison.Ordinal);
            }
        }
        using var none = await SendAsync(null, api: api);
        Assert.DoesNotContain("error=", ProtectedApi.Challenge(none), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_scheme_is_refused_rather_than_left_unchecked()
    {
        var fault = await Assert.ThrowsAsync<InvalidOperationException>(() => StartAsync(add: authentication =>
        {
            All(authentication);
            authentication.AddJwtBearer("Other", _ => { }).AddDpop(scheme: "Other");
        }));
        Assert.Contains("Other", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Events_that_replace_the_checks_are_refused_at_start(bool byType)
    {
        var fault = await Assert.ThrowsAsync<OptionsValidationException>(() => StartAsync(add: authentication =>
        {
            All(authentication);
            authentication.Services.PostConfigure<JwtBearerOptions>(JwtBearerDefaults.AuthenticationScheme, options =>
            {
                if (byType)
                    options.EventsType = typeof(JwtBearerEvents);
                else
                    options.Events = new JwtBearerEvents();
            });
        }));
        Assert.Contains("Events", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_the_issuers_keys_it_is_503_with_only_DPoP_too()
    {
        _issuer.IsAway = true;
        await using var api = await StartAsync(add: authentication => authentication.AddDpop());
        using var response = await SendAsync("Bearer " + _issuer.Sign(_issuer.Claims(Resource)), api: api);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_exception_in_the_applications_own_events_is_500(bool early)
    {
        Func<Task> fault = () => throw new InvalidOperationException("its own");
        await using var api = await StartAsync(options => options.Events = early
            ? new JwtBearerEvents { OnMessageReceived = _ => fault() }
            : new JwtBearerEvents { OnTokenValidated = _ => fault() });
        using var response = await SendAsync("Bearer " + _issuer.Sign(_issuer.Claims(Resource)), api: api);
        Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
    }

    [Fact]
    public async Task Sign_outs_are_not_supported_with_JwtBearer_and_the_error_says_so()
    {
        var fault = await Assert.ThrowsAsync<InvalidOperationException>(() => StartAsync(map: app => app.MapBackchannelLogout("/logout", (_, _) => Task.CompletedTask)));
        Assert.Contains("AddIdentityServerTokens", fault.Message, StringComparison.Ordinal);
    }
}
