using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Xunit;

namespace IdentityServer.ResourceServer.Tests;

public sealed class SettingsTests
{
    private static readonly Dictionary<string, string?> Good = new()
    {
        ["Api:Authority"] = "https://id.example.com",
        ["Api:Resource"] = "https://api.example.com",
        ["Api:ClientId"] = "api",
        ["Api:ClientSecret"] = "canary",
    };

    private static IdentityServerTokensOptions Read(string environment, params (string Name, string? Value)[] changes)
    {
        var settings = new Dictionary<string, string?>(Good);
        foreach (var (name, value) in changes)
            settings[name] = value;
        var services = new ServiceCollection().AddLogging();
        services.AddSingleton<IHostEnvironment>(new AnyEnvironment { EnvironmentName = environment });
        services.AddIdentityServerTokens(new ConfigurationBuilder().AddInMemoryCollection(settings).Build(), "Api");
        using var provider = services.BuildServiceProvider();
        return provider.GetRequiredService<IOptions<IdentityServerTokensOptions>>().Value;
    }

    [Fact]
    public void Durations_are_whole_seconds()
    {
        var options = Read("Production", ("Revocation:MaxStaleness", "90"), ("Api:ClockSkew", "5"));
        Assert.Equal(TimeSpan.FromSeconds(90), options.MaxStaleness);
        Assert.Equal(TimeSpan.FromSeconds(5), options.ClockSkew);
    }

    [Theory]
    [InlineData("Api:Authority", null, "Api:Authority is missing;")]
    [InlineData("Api:Authority", "id.example.com", "Api:Authority is \"id.example.com\";")]
    [InlineData("Api:Authority", "ftp://id.example.com", "Api:Authority is \"ftp://id.example.com\";")]
    [InlineData("Api:Authority", "https://id.example.com?x=1", "Api:Authority is")]
    [InlineData("Api:Authority", "https://id.example.com#x", "Api:Authority is")]
    [InlineData("Api:Authority", "http://id.example.com", "Api:AllowInsecureHttp=true")]
    [InlineData("Api:AllowInsecureHttp", "yes", "Api:AllowInsecureHttp is \"yes\"; it may be true or false.")]
    [InlineData("Api:BackchannelAddress", "id:5000", "Api:BackchannelAddress is \"id:5000\";")]
    [InlineData("Api:Resource", "", "Api:Resource is missing;")]
    [InlineData("Api:PublicAddress", "api.example.com", "Api:PublicAddress is \"api.example.com\";")]
    [InlineData("Api:RequireDpopNonce", "yes", "Api:RequireDpopNonce is \"yes\"; it may be true or false.")]
    [InlineData("Api:ClientId", "", "Api:ClientId is missing;")]
    [InlineData("Api:ClientSecret", null, "Api:ClientSecret is missing;")]
    [InlineData("Api:ClockSkew", "61", "Api:ClockSkew is 61; it may be 0 to 60 seconds.")]
    [InlineData("Api:ClockSkew", "00:00:30", "Api:ClockSkew is \"00:00:30\";")]
    [InlineData("Revocation:MaxStaleness", "0", "Revocation:MaxStaleness is 0; it may be 1 to 3600 seconds.")]
    [InlineData("Revocation:MaxStaleness", "1.5", "Revocation:MaxStaleness is \"1.5\";")]
    public void An_invalid_setting_is_named_with_the_values_it_allows(string name, string? value, string message)
    {
        var fault = Assert.Single(Assert.Throws<OptionsValidationException>(() => Read("Production", (name, value))).Failures);
        Assert.Contains(message, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", fault, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', fault);
    }

    [Fact]
    public void Plain_http_is_accepted_in_development_or_by_a_setting()
    {
        Assert.NotNull(Read("Development", ("Api:Authority", "http://localhost:5000")));
        Assert.NotNull(Read("Production", ("Api:Authority", "http://id.internal"), ("Api:AllowInsecureHttp", "true")));
    }

    private sealed class AnyEnvironment : IHostEnvironment
    {
        public required string EnvironmentName { get; set; }
        public string ApplicationName { get; set; } = "test";
        public string ContentRootPath { get; set; } = "";
        public IFileProvider ContentRootFileProvider { get; set; } = new NullFileProvider();
    }
}
