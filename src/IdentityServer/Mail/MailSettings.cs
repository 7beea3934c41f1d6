using IdentityServer.Settings;
using LocalPostgres;
using MimeKit;
using ServiceDefaults.Settings;

namespace IdentityServer.Mail;

/// <summary>Messages are sent by SMTP when <c>Smtp:Host</c> is set, and otherwise written to <see cref="Directory"/>.</summary>
[Section("Mail")]
internal sealed record MailSettings : ICheckedSettings
{
    /// <summary>An absolute path, or null for none. The default outside Production is <c>.data/mail</c> at the root of the repository.</summary>
    public string? Directory { get; set; }

    [ConfigurationKeyName("From")]
    public string? Sender { get; init; }

    public MailboxAddress From { get; private set; } = null!;

    public SmtpSettings? Smtp { get; private set; }

    public void Check(SettingsReader settings)
    {
        var (environment, smtp) = (settings.Environment, settings.Read<SmtpSettings>());
        var host = new Uri(settings.Read<IssuerSettings>().Issuer).IdnHost;
        var sender = Sender ?? smtp.From ?? $"no-reply@{(Uri.CheckHostName(host) == UriHostNameType.Dns ? host : "localhost")}";
        From = MailboxAddress.TryParse(sender, out var from) && from.Domain.Length > 0
            ? from
            : throw SettingsReader.Impossible("Mail:From", sender, "an e-mail address such as no-reply@example.com");
        Smtp = smtp.Host.Length > 0 ? smtp : null;
        if (Directory is not null)
            Directory = Path.GetFullPath(Directory, environment.ContentRootPath);
        else if (!environment.IsProduction())
            Directory = Path.Combine(Checkout.RootFor(environment.ContentRootPath), ".data", "mail");
    }
}
