namespace IdentityServer.Settings;

/// <summary>Where development keeps its files.</summary>
internal static class Checkout
{
    /// <summary>The repository that the program runs from, else its own folder.</summary>
    public static string Of(string contentRoot)
    {
        foreach (var start in (string[])[AppContext.BaseDirectory, contentRoot])
        {
            for (var folder = new DirectoryInfo(start); folder is not null; folder = folder.Parent)
            {
                if (File.Exists(Path.Combine(folder.FullName, "IdentityServer.sln")))
                    return folder.FullName;
            }
        }
        return contentRoot;
    }
}
