using System.Collections.Concurrent;
using System.Net;
using System.Security.Claims;
using System.Text.Encodings.Web;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OpenIddict.Validation;
using OpenIddict.Validation.AspNetCore;
using Testing;
using Testing.Issuer;
using Xunit;

namespace IdentityServer.ResourceServer.Tests;

/// <summary>The long form: an API that sets up OpenIddict.Validation itself and then adds parts of ours.</summary>
public sealed class OpenIddictTests : IAsyncLifetime
{
    private const string Resource = "https://api.example.com";

    private readonly HttpClient _http = new();
    private readonly DpopKey _key = new();
    private FakeIssuer _issuer = null!;

    public async ValueTask InitializeAsync() => _issuer = await FakeIssuer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        _key.Dispose();
        await _issuer.DisposeAsync();
    }

    private async Task<WebApplication> StartAsync(Action<OpenIddictValidationBuilder> configure, string environment = "Development")
    {
        var builder = WebApplication.CreateSlimBuilder([$"--environment={environment}"]);
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddAuthentication(OpenIddictValidationAspNetCoreDefaults.AuthenticationScheme);
        builder.Services.AddAuthorization();
        builder.Services.AddOpenIddict().AddValidation(options =>
        {
            options.SetIssuer(_issuer.Address);
            options.AddAudiences(Resource);
            configure(options);
        });
        var app = builder.Build();
        app.MapGet("/read", context => context.Response.WriteAsync($"{context.User.Identity!.Name} {context.User.IsInRole("admin")} {context.RequireAccessToken().ClientId}")).RequireScope("data:read");
        app.MapGet("/both", () => "both").RequireAuthorization(policy => policy
            .AddAuthenticationSchemes(BearerDefaults.Scheme, OtherScheme.Name).RequireAuthenticatedUser().RequireClaim("right"));
        app.MapGet("/step-up", httpContext => httpContext.ChallengeAsync(BearerDefaults.Scheme)).RequireScope("data:read");
        await app.StartAsync();
        return app;
    }

    private void Whole(OpenIddictValidationBuilder options)
    {
        options.UseSystemNetHttp();
        options.UseAspNetCore();
        options.UseRevocationFeed(FollowsFeed);
        options.UseDpop();
    }

    private void FollowsFeed(IdentityServerTokensOptions options) => (options.ClientId, options.ClientSecret) = (FakeIssuer.ClientId, FakeIssuer.ClientSecret);

    private async Task<HttpResponseMessage> SendAsync(WebApplication api, string header, string? proof = null, string path = "/read")
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, api.Urls.Single() + path);
        request.Headers.TryAddWithoutValidation("Authorization", header);
        if (proof is not null)
            request.Headers.Add("DPoP", proof);
        return await _http.SendAsync(request);
    }

    private JsonObject BoundClaims()
    {
        var claims = _issuer.Claims(Resource);
        claims["cnf"] = new JsonObject { ["jkt"] = _key.Thumbprint };
        return claims;
    }

    public static TheoryData<string, Action<OpenIddictValidationBuilder, Action<IdentityServerTokensOptions>>> Orders => new()
    {
        { "ours last", (options, feed) => { options.UseSystemNetHttp(); options.UseAspNetCore(); options.UseRevocationFeed(feed); options.UseDpop(); } },
        { "ours first", (options, feed) => { options.UseDpop(); options.UseRevocationFeed(feed); options.UseAspNetCore(); options.UseSystemNetHttp(); } },
    };

    [Theory, MemberData(nameof(Orders))]
    public async Task Set_up_in_any_order_it_behaves_like_the_one_call(string order, Action<OpenIddictValidationBuilder, Action<IdentityServerTokensOptions>> configure)
    {
        await using var api = await StartAsync(options => configure(options, FollowsFeed));
        var claims = _issuer.Claims(Resource);
        var token = _issuer.Sign(claims);

        for (var time = 1; time <= 2; time++)
        {
            using var good = await SendAsync(api, "Bearer " + token);
            Assert.True(good.IsSuccessStatusCode, order);
            Assert.Equal($"{claims["sub"]} True shop", await good.Content.ReadAsStringAsync());
        }

        using (var twice = await SendAsync(api, "Bearer " + _issuer.Sign(claims.ToJsonString()[..^1] + ",\"sub\":\"root\"}")))
            Assert.Equal(
                $"Bearer realm=\"{Resource}\", error=\"invalid_token\", error_description=\"{BearerRefusal.Invalid.Description}\", resource_metadata=\"{Resource}/.well-known/oauth-protected-resource\"",
                ProtectedApi.Challenge(twice));
        using (var other = await SendAsync(api, "Bearer " + _issuer.Sign(_issuer.Claims("https://other.example"))))
            Assert.Equal(HttpStatusCode.Unauthorized, other.StatusCode);

        var bound = _issuer.Sign(BoundClaims());
        using (var proved = await SendAsync(api, "DPoP " + bound, _key.Proof("GET", Resource + "/read", TimeProvider.System.GetUtcNow(), null, bound)))
            Assert.Equal(HttpStatusCode.OK, proved.StatusCode);
        using (var stolen = await SendAsync(api, "Bearer " + bound))
            Assert.StartsWith("DPoP ", ProtectedApi.Challenge(stolen), StringComparison.Ordinal);

        _issuer.Revoke("jti", claims["jti"]!.ToString());
        await Wait.UntilAsync(async () =>
        {
            using var dead = await SendAsync(api, "Bearer " + token);
            return dead.StatusCode == HttpStatusCode.Unauthorized;
        }, "the token is dead");
    }

    [Fact, Rfc("7800", "3.1")]
    public async Task Without_UseDpop_a_bound_token_is_refused_and_DPoP_is_not_advertised()
    {
        await using var api = await StartAsync(options => options.UseRevocationFeed(FollowsFeed).UseSystemNetHttp().Services.AddOpenIddict().AddValidation(more => more.UseAspNetCore()));
        var bound = _issuer.Sign(BoundClaims());
        var proof = _key.Proof("GET", Resource + "/read", TimeProvider.System.GetUtcNow(), null, bound);

        foreach (var scheme in new[] { "Bearer ", "DPoP " })
        {
            using var refused = await SendAsync(api, scheme + bound, proof);
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        }
        using var document = await SendAsync(api, "", path: "/.well-known/oauth-protected-resource");
        Assert.DoesNotContain("dpop", await document.Content.ReadAsStringAsync(), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Without_the_feed_no_client_is_needed_and_the_API_is_ready_at_once()
    {
        await using var api = await StartAsync(options =>
        {
            options.UseSystemNetHttp();
            options.UseAspNetCore();
            options.UseDpop();
        });
        using var good = await SendAsync(api, "Bearer " + _issuer.Sign(_issuer.Claims(Resource)));
        Assert.Equal(HttpStatusCode.OK, good.StatusCode);
        Assert.Equal(0, _issuer.FeedRequests);
        Assert.True(api.Services.GetRequiredService<IssuerStatus>().IsReady);
    }

    [Fact]
    public async Task A_token_that_the_application_validates_outside_a_request_follows_the_same_rules()
    {
        await using var api = await StartAsync(options =>
        {
            options.UseSystemNetHttp();
            options.UseAspNetCore();
            options.UseRevocationFeed(FollowsFeed);
            options.UseDpop();
        });
        var service = api.Services.GetRequiredService<OpenIddictValidationService>();
        var claims = _issuer.Claims(Resource);
        var token = _issuer.Sign(claims);

        Assert.Equal(claims["sub"]!.ToString(), (await service.ValidateAccessTokenAsync(token)).Identity!.Name);
        // There is no request that could carry a proof.
        await Assert.ThrowsAnyAsync<Exception>(async () => await service.ValidateAccessTokenAsync(_issuer.Sign(BoundClaims())));
        _issuer.Revoke("jti", claims["jti"]!.ToString());
        await Wait.UntilAsync(async () =>
        {
            try
            {
                await service.ValidateAccessTokenAsync(token);
                return false;
            }
            catch (OpenIddict.Abstractions.OpenIddictExceptions.ProtocolException refused)
            {
                return refused.Error == "invalid_token";
            }
        }, "the token is dead");
    }

    [Fact]
    public async Task Plain_http_to_the_issuer_is_refused_in_production_here_too()
    {
        var fault = await Assert.ThrowsAsync<OptionsValidationException>(() => StartAsync(options =>
        {
            options.UseSystemNetHttp();
            options.UseAspNetCore();
            options.UseRevocationFeed(FollowsFeed);
        }, environment: "Production"));
        Assert.Contains("AllowInsecureHttp=true", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_one_call_creates_no_keys_in_the_home_directory()
    {
        var services = new ServiceCollection().AddIdentityServerTokens(_ => { });
        Assert.DoesNotContain(services, service => service.ServiceType == typeof(IHostedService) && service.ImplementationType?.Namespace?.Contains("DataProtection", StringComparison.Ordinal) == true);

        services = new ServiceCollection();
        services.AddDataProtection();
        services.AddIdentityServerTokens(_ => { });
        Assert.Contains(services, service => service.ServiceType == typeof(IHostedService) && service.ImplementationType?.Namespace?.Contains("DataProtection", StringComparison.Ordinal) == true);
    }

    [Fact]
    public async Task Missing_or_contradicting_options_are_reported_at_start()
    {
        foreach (var change in new Action<OpenIddictValidationOptions>[] { options => options.Audiences.Clear(), options => options.Issuer = new Uri("https://other.example"), options => options.Issuer = null })
        {
            var fault = await Assert.ThrowsAsync<OptionsValidationException>(() => StartAsync(options =>
            {
                Whole(options);
                options.Services.Configure<IdentityServerTokensOptions>(tokens => (tokens.Authority, tokens.Resource) = (_issuer.Address, Resource));
                options.Configure(change);
            }));
            Assert.Matches("AddAudiences|SetIssuer", Assert.Single(fault.Failures));
        }
    }

    [Fact]
    public async Task The_one_call_may_be_followed_by_more_options()
    {
        var builder = WebApplication.CreateSlimBuilder(["--environment=Development", "--urls=http://127.0.0.1:0"]);
        builder.Logging.ClearProviders();
        builder.Services.AddIdentityServerTokens(options =>
        {
            (options.Authority, options.Resource) = (_issuer.Address, Resource);
            FollowsFeed(options);
        });
        builder.Services.AddOpenIddict().AddValidation(options => options.UseDpop(dpop => dpop.RequireDpopNonce = true));
        await using var api = builder.Build();
        await api.StartAsync();
        Assert.True(api.Services.GetRequiredService<IOptions<IdentityServerTokensOptions>>().Value.RequireDpopNonce);
    }

    [Fact]
    public async Task A_caller_authenticated_by_another_scheme_without_the_right_is_403()
    {
        await using var api = await StartAsync(options =>
        {
            Whole(options);
            options.Services.AddAuthentication().AddScheme<AuthenticationSchemeOptions, OtherScheme>(OtherScheme.Name, null);
        });
        using var known = await SendAsync(api, "Other me", path: "/both");
        using var unknown = await SendAsync(api, "", path: "/both");
        Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.Unauthorized), (known.StatusCode, unknown.StatusCode));
        using var lacking = await SendAsync(api, "Bearer " + _issuer.Sign(_issuer.Claims(Resource)), path: "/both");
        Assert.Equal(HttpStatusCode.Forbidden, lacking.StatusCode);
    }

    [Fact]
    public async Task A_scope_that_is_not_in_the_token_does_not_count()
    {
        await using var api = await StartAsync(options =>
        {
            Whole(options);
            options.Services.AddSingleton<IClaimsTransformation, MoreClaims>();
        });
        using var lacking = await SendAsync(api, "Bearer " + _issuer.Sign(_issuer.Claims(Resource, scope: null)));
        Assert.Equal(HttpStatusCode.Forbidden, lacking.StatusCode);
    }

    private sealed class MoreClaims : IClaimsTransformation
    {
        public Task<ClaimsPrincipal> TransformAsync(ClaimsPrincipal principal)
        {
            principal.AddIdentity(new ClaimsIdentity([new Claim("SCOPE", "data:read")]));
            return Task.FromResult(principal);
        }
    }

    [Fact, Rfc("9470", "3")]
    public async Task An_endpoint_that_challenges_a_good_token_answers_401()
    {
        await using var api = await StartAsync(Whole);
        using var challenged = await SendAsync(api, "Bearer " + _issuer.Sign(_issuer.Claims(Resource)), path: "/step-up");
        Assert.Equal(HttpStatusCode.Unauthorized, challenged.StatusCode);
    }

    [Fact]
    public async Task The_applications_own_checks_run_each_time()
    {
        var (asked, rejects) = (0, false);
        await using var api = await StartAsync(options =>
        {
            Whole(options);
            options.AddEventHandler<OpenIddictValidationEvents.ValidateTokenContext>(handler => handler.SetOrder(int.MaxValue - 1).UseInlineHandler(context =>
            {
                asked++;
                return default;
            }));
            options.AddEventHandler<OpenIddictValidationEvents.ProcessAuthenticationContext>(handler => handler.SetOrder(int.MaxValue - 2000).UseInlineHandler(context =>
            {
                if (rejects)
                    context.Reject("invalid_token", "its own reason");
                return default;
            }));
        });
        var token = _issuer.Sign(_issuer.Claims(Resource));
        for (var time = 1; time <= 2; time++)
        {
            using var good = await SendAsync(api, "Bearer " + token);
            Assert.Equal((HttpStatusCode.OK, time), (good.StatusCode, asked));
        }
        rejects = true;
        using var refused = await SendAsync(api, "Bearer " + token);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Contains("error=\"invalid_token\"", ProtectedApi.Challenge(refused), StringComparison.Ordinal);
    }

    [Fact]
    public void An_API_accepts_tokens_by_only_one_scheme()
    {
        var services = new ServiceCollection().AddIdentityServerTokens(_ => { });
        var fault = Assert.Throws<InvalidOperationException>(() => JwtBearer.JwtBearerTokensExtensions.AddDpop(services.AddAuthentication()));
        Assert.Contains("Bearer", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Nobody", "Name or service not known|nodename|not known|resolve")]
    [InlineData("NotFound", "404")]
    [InlineData("Large", "262144|maximum buffer size")]
    public async Task The_log_says_why_the_issuer_cannot_be_read(string what, string reason)
    {
        var log = new LogOfAll();
        var authority = what switch
        {
            "Nobody" => "http://nobody.invalid",
            "NotFound" => _issuer.Address + "/elsewhere",
            _ => _issuer.Address,
        };
        _issuer.Issuer = what == "Large" ? new string('a', 300_000) : null;
        await using var api = await StartAsync(options =>
        {
            Whole(options);
            options.SetIssuer(authority);
            options.Services.AddSingleton<ILoggerProvider>(log);
        });
        await Wait.UntilAsync(() => Task.FromResult(log.Lines.Any(line => line.Contains("keys can't be read", StringComparison.Ordinal))), "the log says that the keys can't be read");
        var line = log.Lines.First(line => line.Contains("keys can't be read", StringComparison.Ordinal));
        Assert.Matches(reason, line);
        Assert.DoesNotContain(FakeIssuer.ClientSecret, line, StringComparison.Ordinal);
    }

    private sealed class OtherScheme(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder) : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
    {
        public const string Name = "Other";

        protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(Request.Headers.Authorization == "Other me"
            ? AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(new ClaimsIdentity("other")), Name))
            : AuthenticateResult.NoResult());

        protected override Task HandleChallengeAsync(AuthenticationProperties properties) => Task.CompletedTask;

        protected override Task HandleForbiddenAsync(AuthenticationProperties properties) => Task.CompletedTask;
    }

    private sealed class LogOfAll : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Lines.Enqueue(formatter(state, exception));

        public void Dispose()
        {
        }
    }
}
