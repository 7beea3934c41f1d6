using Hosting;
using IdentityServer.Mail;
using IdentityServer.Settings;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
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

    [Theory]
    [InlineData("Smtp:User", "The setting Smtp:User is \"canary\" and Smtp:Password is missing;")]
    [InlineData("Smtp:Password", "The setting Smtp:Password is given and Smtp:User is missing;")]
    public void Half_of_the_credentials_is_refused_and_a_password_never_said(string name, string says) =>
        Assert.StartsWith(says, Assert.Throws<StartupException>(() => Read("Production", ("Smtp:Host", "mail.example.com"), (name, "canary"))).Message, StringComparison.Ordinal);

    [Fact]
    public void A_folder_that_cannot_be_written_to_is_refused()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("Only Linux has a folder that not even root may write to: /proc.");

        var refused = Assert.Throws<StartupException>(() => new FolderMessageSender(new("a@example.com"), "/proc", NullLogger<FolderMessageSender>.Instance));

        Assert.Contains("Mail:Directory is \"/proc\"", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Messages_in_the_folder_are_for_this_user_alone()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("Windows has no such modes; its user folders are private by inheritance.");
        using var inbox = new Inbox();

        await new FolderMessageSender(new("a@example.com"), inbox.Directory, NullLogger<FolderMessageSender>.Instance).SendAsync(new("b@example.com", "Subject", "Body"), CancellationToken.None);

        const UnixFileMode mine = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        Assert.Equal(mine | UnixFileMode.UserExecute, new DirectoryInfo(inbox.Directory).UnixFileMode);
        Assert.Equal(mine, new FileInfo(Assert.Single(inbox.Files())).UnixFileMode);
    }

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
