using IdentityServer.Settings;
using LocalPostgres;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Mail;

public sealed class MailSettingsTests
{
    [Fact]
    public void Development_writes_messages_below_the_repository() =>
        Assert.Equal(Path.Combine(Repository.Root, ".data", "mail"), Read("Development").Directory);

    [Fact]
    public void Production_sends_nothing_unless_told_where()
    {
        var mail = Read("Production");

        Assert.Null(mail.Directory);
        Assert.Null(mail.Smtp);
    }

    [Fact]
    public void Smtp_requires_tls_unless_told_otherwise()
    {
        var smtp = Read("Production", ("Smtp:Host", "mail.example.com")).Smtp!;

        Assert.Equal((587, true), (smtp.Port, smtp.RequireTls));
        Assert.False(Read("Production", ("Smtp:Host", "mail.example.com"), ("Smtp:RequireTls", "false")).Smtp!.RequireTls);
    }

    [Fact]
    public void The_sender_is_at_the_issuers_host_unless_named()
    {
        Assert.Equal("no-reply@id.example.com", Read("Production", ("IdentityServer:Issuer", "https://id.example.com/a")).From.Address);
        Assert.Equal("ids@example.com", Read("Production", ("Mail:From", "ids@example.com")).From.Address);
    }

    [Theory]
    [InlineData("Mail:From", "nobody")]
    [InlineData("Smtp:Port", "0")]
    [InlineData("Smtp:Port", "465")]
    [InlineData("Smtp:RequireTls", "maybe")]
    [InlineData("Smtp:Timeout", "0")]
    [InlineData("Smtp:User", "alone")]
    public void An_impossible_setting_is_named(string name, string value) =>
        Assert.Contains(name, Assert.Throws<StartupException>(() => Read("Production", ("Smtp:Host", "mail.example.com"), (name, value))).Message, StringComparison.Ordinal);

    private static MailSettings Read(string environment, params (string Name, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(
            settings.Prepend(("IdentityServer:Issuer", "https://id.example.com")).GroupBy(pair => pair.Item1).Select(pairs => KeyValuePair.Create(pairs.Key, (string?)pairs.Last().Item2))).Build();
        var reader = new SettingsReader(configuration, new Host(environment));
        return MailSettings.Read(reader, IssuerSettings.Read(reader));
    }

    private sealed class Host(string environment) : IHostEnvironment
    {
        public string EnvironmentName { get; set; } = environment;
        public string ApplicationName { get; set; } = "IdentityServer";
        public string ContentRootPath { get; set; } = AppContext.BaseDirectory;
        public IFileProvider ContentRootFileProvider { get; set; } = new NullFileProvider();
    }
}
