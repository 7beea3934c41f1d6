using IdentityServer.Outbox;
using IdentityServer.Storage;
using ServiceDefaults.Settings;

namespace IdentityServer.Mail;

internal static class MailServices
{
    public static void AddMail(this IServiceCollection services, SettingsReader settings)
    {
        var mail = settings.Read<MailSettings>();
        services.AddSingleton(provider => new MailDelivery(
            Choose(mail, provider), mail, provider.GetRequiredService<OutboxStore>(), provider.GetRequiredService<ILogger<MailDelivery>>()));
        services.AddSingleton<IOutboxDelivery>(provider => provider.GetRequiredService<MailDelivery>());
        services.AddHostedService(provider => provider.GetRequiredService<MailDelivery>());
    }

    private static IMessageSender? Choose(MailSettings mail, IServiceProvider provider) => mail switch
    {
        { Smtp: { } smtp } => new SmtpMessageSender(mail.From, smtp),
        { Directory: { } directory } => new FolderMessageSender(mail.From, directory, provider.GetRequiredService<ILogger<FolderMessageSender>>()),
        _ => null,
    };
}
