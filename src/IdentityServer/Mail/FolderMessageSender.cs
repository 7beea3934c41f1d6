using System.Net.Mail;
using Hosting;

namespace IdentityServer.Mail;

/// <summary>Writes messages as .eml files into a folder, for development and for a mail system that picks them up.</summary>
internal sealed partial class FolderMessageSender : IMessageSender
{
    private readonly MailAddress _from;
    private readonly string _directory;
    private readonly ILogger<FolderMessageSender> _log;

    public FolderMessageSender(MailAddress from, string directory, ILogger<FolderMessageSender> log)
    {
        (_from, _directory, _log) = (from, directory, log);
        try
        {
            CreatePrivate(directory);
            // It may have been there before, and not for us to write to.
            CreatePrivate(Path.Combine(directory, $".{Guid.NewGuid():N}")).Delete();
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"The setting Mail:Directory is \"{directory}\"; it must be a directory that this program may write to.", refused);
        }
    }

    public string Describe() => $"Messages are written to {_directory}.";

    public async Task SendAsync(Message message, CancellationToken cancellation)
    {
        // Written apart and moved: who watches the folder sees whole files only.
        var apart = CreatePrivate(Path.Combine(_directory, $".{Guid.NewGuid():N}"));
        try
        {
            using var client = new SmtpClient
            {
                DeliveryMethod = SmtpDeliveryMethod.SpecifiedPickupDirectory,
                PickupDirectoryLocation = apart.FullName,
                DeliveryFormat = SmtpDeliveryFormat.International,
            };
            using var mail = MailMessages.Create(_from, message);
            await client.SendMailAsync(mail, cancellation);

            var written = apart.GetFiles().Single();
            // A message may hold a reset token. The folder, if it was made by another, may let others in.
            if (!OperatingSystem.IsWindows())
                written.UnixFileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            var path = Path.Combine(_directory, written.Name);
            written.MoveTo(path);
            LogWritten(path);
        }
        finally
        {
            apart.Delete(recursive: true);
        }
    }

    /// <summary>Nobody else may read what lies in it; Windows' user folders are private by inheritance.</summary>
    private static DirectoryInfo CreatePrivate(string path) => OperatingSystem.IsWindows()
        ? Directory.CreateDirectory(path)
        : Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

    [LoggerMessage(4400, LogLevel.Information, "A message is in {Path}")]
    private partial void LogWritten(string path);
}
