using System.ComponentModel.DataAnnotations;
using MailKit.Security;
using ServiceDefaults.Settings;

namespace IdentityServer.Mail;

// A class: the text of a record would show the password.
[Section("Smtp")]
internal sealed class SmtpSettings : ICheckedSettings
{
    /// <summary>Empty: nothing is sent by SMTP.</summary>
    public string Host { get; init; } = "";

    /// <summary>587 when not set, or 465 with <c>tls</c>.</summary>
    [Range(1, 65535, ErrorMessage = "a port from {1} to {2}")]
    public int Port { get => field > 0 ? field : Mode == "tls" ? 465 : 587; init; }

    public string? User { get; init; }

    /// <summary>Never in a message.</summary>
    public string? Password { get; init; }

    [ConfigurationKeyName("Security"), AllowedValues("auto", "starttls", "tls", "none")]
    public string Mode { get => field ?? (RequireTls == false ? "none" : "auto"); init; }

    /// <summary>The older way to say <c>none</c>; null: it is not set.</summary>
    public bool? RequireTls { get; init; }

    /// <summary>The sender where <c>Mail:From</c> is not set.</summary>
    public string? From { get; init; }

    /// <summary>For one attempt to send one message.</summary>
    [Range(1, 600)]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    public SecureSocketOptions Security => Mode switch
    {
        "none" => SecureSocketOptions.None,
        "tls" => SecureSocketOptions.SslOnConnect,
        "auto" when Port == 465 => SecureSocketOptions.SslOnConnect,
        _ => SecureSocketOptions.StartTls,
    };

    public void Check(SettingsReader settings)
    {
        if (Host.Length == 0)
            return;
        if (RequireTls is { } requires && requires == (Mode == "none"))
            throw new StartupException($"The setting Smtp:Security is \"{Mode}\" and Smtp:RequireTls is \"{(requires ? "true" : "false")}\"; they must not contradict each other.");
        if (User is not null && Password is null)
            throw new StartupException($"The setting Smtp:User is \"{User.ReplaceLineEndings(" ")}\" and Smtp:Password is missing; they must be given together or not at all.");
        if (User is null && Password is not null)
            throw new StartupException("The setting Smtp:Password is given and Smtp:User is missing; they must be given together or not at all.");
    }
}
