using IdentityServer.Mail;
using MailKit.Security;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using ServiceDefaults.Settings;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Mail;

public sealed class MailSettingsTests
{
    [Fact]
    public void In_Development_messages_are_written_below_the_repository() =>
        Assert.Equal(Path.Combine(Repository.Root, ".data", "mail"), Read("Development").Directory);

    [Fact]
    public void In_Production_nothing_is_sent_by_default()
    {
        var mail = Read("Production");

        Assert.Null(mail.Directory);
        Assert.Null(mail.Smtp);
    }

    [Theory]
    [InlineData(null, null, null, 587, SecureSocketOptions.StartTls)]
    [InlineData("auto", "25", null, 25, SecureSocketOptions.StartTls)]
    [InlineData(null, "465", null, 465, SecureSocketOptions.SslOnConnect)]
    [InlineData("tls", null, "true", 465, SecureSocketOptions.SslOnConnect)]
    [InlineData("starttls", "465", null, 465, SecureSocketOptions.StartTls)]
    [InlineData("none", null, null, 587, SecureSocketOptions.None)]
    [InlineData(null, null, "false", 587, SecureSocketOptions.None)]
    public void Mail_is_encrypted_unless_told_otherwise(string? security, string? port, string? requireTls, int actualPort, SecureSocketOptions actual)
    {
        var smtp = Read("Production", ("Smtp:Host", "mail.example.com"), ("Smtp:Security", security), ("Smtp:Port", port), ("Smtp:RequireTls", requireTls)).Smtp!;

        Assert.Equal((actualPort, actual), (smtp.Port, smtp.Security));
    }

    [Theory]
    [InlineData("tls", "false")]
    [InlineData("starttls", "false")]
    [InlineData("none", "true")]
    public void Settings_that_contradict_each_other_are_refused(string security, string requireTls) =>
        Assert.Equal(
            $"The setting Smtp:Security is \"{security}\" and Smtp:RequireTls is \"{requireTls}\"; they must not contradict each other.",
            Assert.Throws<StartupException>(() => Read("Production", ("Smtp:Host", "mail.example.com"), ("Smtp:Security", security), ("Smtp:RequireTls", requireTls))).Message);

    [Fact]
    public void The_sender_is_at_the_issuers_host_by_default()
    {
        Assert.Equal("no-reply@id.example.com", Read("Production", ("IdentityServer:Issuer", "https://id.example.com/a")).From.Address);
        Assert.Equal("ids@example.com", Read("Production", ("Mail:From", "ids@example.com")).From.Address);
    }

    [Theory]
    [InlineData("Mail:From", "nobody")]
    [InlineData("Smtp:Port", "0")]
    [InlineData("Smtp:RequireTls", "maybe")]
    [InlineData("Smtp:Security", "ssl")]
    [InlineData("Smtp:Timeout", "0")]
    [InlineData("Smtp:User", "alone")]
    public void An_invalid_setting_is_named(string name, string value) =>
        Assert.Contains(name, Assert.Throws<StartupException>(() => Read("Production", ("Smtp:Host", "mail.example.com"), (name, value))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("Smtp:User", "The setting Smtp:User is \"canary\" and Smtp:Password is missing;")]
    [InlineData("Smtp:Password", "The setting Smtp:Password is given and Smtp:User is missing;")]
    public void A_user_or_password_alone_is_refused_without_naming_the_password(string name, string says) =>
        Assert.StartsWith(says, Assert.Throws<StartupException>(() => Read("Production", ("Smtp:Host", "mail.example.com"), (name, "canary"))).Message, StringComparison.Ordinal);

    [Fact]
    public void A_folder_that_is_not_writable_is_refused()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("Only Linux has a folder that even root may not write to: /proc.");

        var refused = Assert.Throws<StartupException>(() => new FolderMessageSender(new("", "a@example.com"), "/proc", NullLogger<FolderMessageSender>.Instance));

        Assert.Contains("Mail:Directory is \"/proc\"", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Messages_in_the_folder_are_readable_by_this_user_only()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("Windows has no file modes; its user folders are private by inheritance.");
        using var inbox = new Inbox();

        await new FolderMessageSender(new("", "a@example.com"), inbox.Directory, NullLogger<FolderMessageSender>.Instance).SendAsync(new("b@example.com", "Subject", "Body"), CancellationToken.None);

        const UnixFileMode mine = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        Assert.Equal(mine | UnixFileMode.UserExecute, new DirectoryInfo(inbox.Directory).UnixFileMode);
        Assert.Equal(mine, new FileInfo(Assert.Single(inbox.Files())).UnixFileMode);
    }

    private static MailSettings Read(string environment, params (string Name, string? Value)[] settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(
            settings.Prepend(("IdentityServer:Issuer", (string?)"https://id.example.com")).GroupBy(pair => pair.Item1).Select(pairs => KeyValuePair.Create(pairs.Key, pairs.Last().Item2))).Build();
        return new SettingsReader(configuration, new Host(environment)).Read<MailSettings>();
    }

    private sealed class Host(string environment) : IHostEnvironment
    {
        public string EnvironmentName { get; set; } = environment;
        public string ApplicationName { get; set; } = "IdentityServer";
        public string ContentRootPath { get; set; } = AppContext.BaseDirectory;
        public IFileProvider ContentRootFileProvider { get; set; } = new NullFileProvider();
    }
}
