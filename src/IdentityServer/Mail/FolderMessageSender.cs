using MimeKit;

namespace IdentityServer.Mail;

/// <summary>Writes messages to a folder as .eml files, for development and for mail systems that pick them up.</summary>
internal sealed partial class FolderMessageSender : IMessageSender
{
    private readonly MailboxAddress _from;
    private readonly string _directory;
    private readonly ILogger<FolderMessageSender> _logger;

    public FolderMessageSender(MailboxAddress from, string directory, ILogger<FolderMessageSender> logger)
    {
        (_from, _directory, _logger) = (from, directory, logger);
        try
        {
            CreatePrivate(directory);
            // A directory that already existed may not be writable.
            CreatePrivate(Path.Combine(directory, $".{Guid.NewGuid():N}")).Delete();
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"The setting Mail:Directory is \"{directory}\"; it must be a directory that this program may write to.", refused);
        }
    }

    public string Describe() => $"Messages are written to {_directory}.";

    public async Task SendAsync(Message message, CancellationToken cancellationToken)
    {
        var name = Guid.NewGuid().ToString("N");
        var temporary = Path.Combine(_directory, $".{name}");
        var path = Path.Combine(_directory, $"{name}.eml");
        // A message may hold a reset token, and a directory that already existed may be open to others.
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.Asynchronous };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var format = FormatOptions.Default.Clone();
        (format.International, format.NewLineFormat) = (true, NewLineFormat.Dos);
        try
        {
            using var mail = MailMessages.Create(_from, message);
            await using (var file = new FileStream(temporary, options))
                await mail.WriteToAsync(format, file, cancellationToken);
            // Renamed when complete: a program that watches the directory never sees half a message.
            File.Move(temporary, path);
        }
        finally
        {
            File.Delete(temporary);
        }
        LogWritten(path);
    }

    /// <summary>Readable by this user only; on Windows that is inherited from the user's own folders.</summary>
    private static DirectoryInfo CreatePrivate(string path) => OperatingSystem.IsWindows()
        ? Directory.CreateDirectory(path)
        : Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

    [LoggerMessage(4400, LogLevel.Information, "A message was written to {Path}")]
    private partial void LogWritten(string path);
}
