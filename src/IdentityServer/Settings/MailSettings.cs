using System.Net.Mail;
using Hosting;

namespace IdentityServer.Settings;

/// <summary>How messages leave: by SMTP when <c>Smtp:Host</c> is set, else as files in <c>Mail:Directory</c>.</summary>
/// <param name="Directory">Absolute; null: nowhere. Outside Production <c>.data/mail</c> at the repository's root when not set.</param>
internal sealed record MailSettings(MailAddress From, SmtpSettings? Smtp, string? Directory)
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
        if (!MailAddress.TryCreate(text, out var from))
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

/// <param name="RequireTls">STARTTLS or nothing is sent; on unless told otherwise.</param>
/// <param name="Timeout">How long a message may take.</param>
internal sealed record SmtpSettings(string Host, int Port, string? User, string? Password, bool RequireTls, TimeSpan Timeout)
{
    public static SmtpSettings? Read(SettingsReader settings)
    {
        if (settings.Text("Smtp:Host") is not { } host)
            return null;
        var port = settings.Number("Smtp:Port", 587, 1, 65535, "a port");
        // The base library speaks STARTTLS (RFC 3207), not TLS from the first byte.
        if (port == 465)
            throw SettingsReader.Impossible("Smtp:Port", "465", "a port that speaks STARTTLS, usually 587 or 25");
        var user = settings.Text("Smtp:User");
        var password = settings.Text("Smtp:Password");
        // What Smtp:Password holds is never said.
        if (user is not null && password is null)
            throw new StartupException($"The setting Smtp:User is \"{user.ReplaceLineEndings(" ")}\" and Smtp:Password is missing; they must be given together or not at all.");
        if (user is null && password is not null)
            throw new StartupException("The setting Smtp:Password is given and Smtp:User is missing; they must be given together or not at all.");
        return new(host, port, user, password, settings.Flag("Smtp:RequireTls", true), settings.Seconds("Smtp:Timeout", 30, 1, 600));
    }
}
