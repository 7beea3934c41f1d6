namespace LocalPostgres;

/// <summary>Where programs that run outside Production keep their files.</summary>
public static class Checkout
{
    private const string Solution = "IdentityServer.sln";

    /// <summary>The root of the checkout, otherwise <paramref name="contentRoot"/>.</summary>
    public static string RootFor(string contentRoot) => RootFor(AppContext.BaseDirectory, contentRoot);

    /// <summary>The program's own place first: two programs of one checkout agree on it wherever they are started from.</summary>
    public static string RootFor(string programDirectory, string contentRoot) =>
        Find(programDirectory) ?? Find(contentRoot) ?? contentRoot;

    private static string? Find(string directory)
    {
        for (var at = new DirectoryInfo(directory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, Solution)))
                return at.FullName;
        }

        return null;
    }
}
