namespace Testing;

/// <summary>The checkout that the tests run in.</summary>
public static class Repository
{
    /// <summary>The directory of IdentityServer.sln.</summary>
    public static string Root { get; } = FindRoot();

    private static string FindRoot()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "IdentityServer.sln")))
                return at.FullName;
        }

        throw new InvalidOperationException($"No IdentityServer.sln above {AppContext.BaseDirectory}.");
    }
}
