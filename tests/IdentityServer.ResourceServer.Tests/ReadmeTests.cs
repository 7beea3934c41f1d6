using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using IdentityServer.ResourceServer.JwtBearer;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OpenIddict.Validation.AspNetCore;
using Testing;
using Xunit;

namespace IdentityServer.ResourceServer.Tests;

/// <summary>
/// The READMEs' examples for the packages are the code below, line by line, so it compiles and runs. Their using
/// directives are tested with the packages (<c>tests/Packages/run.sh</c>): this namespace doesn't need them.
/// </summary>
public sealed class ReadmeTests
{
    private static readonly string[] Secret = ["--environment=Development", "--Orders:ClientSecret=secret"];

    private static void OneCall(string[] args)
    {
        var builder = WebApplication.CreateBuilder(args);
        builder.Services.AddIdentityServerTokens(options =>
        {
            options.Authority = "http://localhost:5000";     // the issuer
            options.Resource = "https://orders.example.com"; // your API's identifier: the audience
            options.ClientId = "orders-api";                 // your API's own client, for the revocation feed
            options.ClientSecret = builder.Configuration["Orders:ClientSecret"]!;
        });

        var app = builder.Build();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapGet("/orders", () => "…").RequireScope("orders:read");
        app.Run();
    }

    private static void OpenIddict(WebApplicationBuilder builder)
    {
        builder.Services.AddAuthentication(OpenIddictValidationAspNetCoreDefaults.AuthenticationScheme);
        builder.Services.AddAuthorization();
        builder.Services.AddOpenIddict().AddValidation(options =>
        {
            options.SetIssuer("http://localhost:5000");
            options.AddAudiences("https://orders.example.com");
            options.UseSystemNetHttp();
            options.UseAspNetCore();
            options.UseRevocationFeed(feed =>
            {
                feed.ClientId = "orders-api";
                feed.ClientSecret = builder.Configuration["Orders:ClientSecret"]!;
            });
            options.UseDpop();
        });
    }

    private static void JwtBearer(WebApplicationBuilder builder)
    {
        builder.Services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme)
            .AddJwtBearer(options =>
            {
                options.Authority = "http://localhost:5000";
                options.Audience = "https://orders.example.com";
                options.RequireHttpsMetadata = false; // for development
            })
            .AddRevocationFeed(feed =>
            {
                feed.ClientId = "orders-api";
                feed.ClientSecret = builder.Configuration["Orders:ClientSecret"]!;
            })
            .AddDpop();
    }

    private static void WholeJwtBearer(string[] args)
    {
        var builder = WebApplication.CreateBuilder(args);
        builder.Services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme)
            .AddJwtBearer(options =>
            {
                options.Authority = "http://localhost:5000";
                options.Audience = "https://orders.example.com";
                options.RequireHttpsMetadata = false; // for development
            })
            .AddRevocationFeed(feed =>
            {
                feed.ClientId = "orders-api";
                feed.ClientSecret = builder.Configuration["Orders:ClientSecret"]!;
            })
            .AddDpop();
        builder.Services.AddAuthorization();

        var app = builder.Build();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapGet("/orders", () => "…").RequireScope("orders:read");
        app.Run();
    }

    [Theory]
    [InlineData("README.md", 3)]
    [InlineData("src/IdentityServer.ResourceServer/README.md", 1)]
    [InlineData("src/IdentityServer.ResourceServer.JwtBearer/README.md", 1)]
    public void The_code_in_the_READMEs_is_the_code_of_this_file(string readme, int count)
    {
        _ = ((Action<string[]>)OneCall, (Action<string[]>)WholeJwtBearer);
        var here = Lines(File.ReadAllText(ThisFile()));
        var shown = Regex.Matches(File.ReadAllText(Path.Combine(Repository.Root, readme)), "```csharp\n(?:using [^\n]*\n|\n)*(.*?)```", RegexOptions.Singleline).Select(match => Lines(match.Groups[1].Value)).ToArray();

        Assert.Equal(count, shown.Length);
        Assert.All(shown, code => Assert.Contains(code, here, StringComparison.Ordinal));
    }

    [Fact]
    public void Both_long_forms_configure_the_same_as_the_one_call()
    {
        foreach (var configure in new[] { OpenIddict, (Action<WebApplicationBuilder>)JwtBearer })
        {
            var builder = WebApplication.CreateBuilder(Secret);
            configure(builder);
            using var services = builder.Services.BuildServiceProvider();
            var options = services.GetRequiredService<IOptions<IdentityServerTokensOptions>>().Value;
            Assert.Equal(
                ("http://localhost:5000", "https://orders.example.com", "orders-api", "secret", true, true),
                (options.Authority, options.Resource, options.ClientId, options.ClientSecret, options.IsDpopUsed, options.IsFeedFollowed));
        }
    }

    private static string Lines(string text) => string.Join('\n', text.Split('\n').Select(line => line.Trim()));

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
