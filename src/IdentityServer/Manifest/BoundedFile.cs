namespace IdentityServer.Manifest;

/// <summary>Reads a file that must not be large, whatever its directory entry says of it.</summary>
internal static class BoundedFile
{
    /// <param name="why">When null is returned: what the file does or is, such as "does not exist".</param>
    public static byte[]? Read(string path, int maximumLength, out string why)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var bytes = new byte[maximumLength + 1];
            var length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            why = $"is larger than {maximumLength} bytes";
            return length <= maximumLength ? bytes[..length] : null;
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            why = "does not exist";
        }
        catch (UnauthorizedAccessException)
        {
            why = Directory.Exists(path) ? "is a directory" : "must not be read by this user";
        }
        catch (Exception unreadable) when (unreadable is IOException or NotSupportedException or ArgumentException)
        {
            why = "can't be read";
        }
        return null;
    }
}
