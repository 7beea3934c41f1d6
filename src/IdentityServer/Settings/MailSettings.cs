using Hosting;
using MailKit.Security;
using MimeKit;

namespace IdentityServer.Settings;

/// <summary>Messages are sent by SMTP when <c>Smtp:Host</c> is set, and otherwise written to <c>Mail:Directory</c>.</summary>
/// <param name="Directory">An absolute path, or null for none. The default outside Production is <c>.data/mail</c> at the root of the repository.</param>
internal sealed record MailSettings(MailboxAddress From, SmtpSettings? Smtp, string? Directory)
{
    public static MailSettings Read(SettingsReader settings, IssuerSettings issuer)
    {
        const string fromName = "Mail:From";
        var text = settings.Text(fromName) ?? settings.Text("Smtp:From");
        if (text is null)
        {
            var host = new Uri(issuer.Issuer).IdnHost;
            text = $"no-reply@{(Uri.CheckHostName(host) == UriHostNameType.Dns ? host : "localhost")}";
        }
        if (!MailboxAddress.TryParse(text, out var from) || from.Domain.Length == 0)
            throw SettingsReader.Impossible(fromName, text, "an e-mail address such as no-reply@example.com");

        var smtp = SmtpSettings.Read(settings);
        var directory = settings.Text("Mail:Directory");
        if (directory is not null)
            directory = Path.GetFullPath(directory, settings.ContentRoot);
        else if (!settings.IsProduction)
            directory = Path.Combine(Checkout.RootFor(settings.ContentRoot), ".data", "mail");
        return new(from, smtp, directory);
    }
}

/// <param name="Timeout">For one attempt to send one message.</param>
internal sealed record SmtpSettings(string Host, int Port, string? User, string? Password, SecureSocketOptions Security, TimeSpan Timeout)
{
    public static SmtpSettings? Read(SettingsReader settings)
    {
        if (settings.Text("Smtp:Host") is not { } host)
            return null;
        const string securityName = "Smtp:Security";
        var requiresTls = settings.Flag("Smtp:RequireTls", true);
        var mode = settings.Text(securityName) ?? (requiresTls ? "auto" : "none");
        var port = settings.Number("Smtp:Port", mode == "tls" ? 465 : 587, 1, 65535, "a port");
        var security = mode switch
        {
            "auto" => port == 465 ? SecureSocketOptions.SslOnConnect : SecureSocketOptions.StartTls,
            "starttls" => SecureSocketOptions.StartTls,
            "tls" => SecureSocketOptions.SslOnConnect,
            "none" => SecureSocketOptions.None,
            _ => throw SettingsReader.Impossible(securityName, mode, "auto, starttls, tls or none"),
        };
        if (settings.Text("Smtp:RequireTls") is { } flag && requiresTls == (security == SecureSocketOptions.None))
            throw new StartupException($"The setting {securityName} is \"{mode}\" and Smtp:RequireTls is \"{flag}\"; they must not contradict each other.");

        var user = settings.Text("Smtp:User");
        var password = settings.Text("Smtp:Password");
        // The value of Smtp:Password never appears in a message.
        if (user is not null && password is null)
            throw new StartupException($"The setting Smtp:User is \"{user.ReplaceLineEndings(" ")}\" and Smtp:Password is missing; they must be given together or not at all.");
        if (user is null && password is not null)
            throw new StartupException("The setting Smtp:Password is given and Smtp:User is missing; they must be given together or not at all.");
        return new(host, port, user, password, security, settings.Seconds("Smtp:Timeout", 30, 1, 600));
    }
}
