using System.Globalization;

namespace LocalPostgres;

/// <summary>A directory with initdb, pg_ctl and postgres of one version.</summary>
internal sealed record PostgresBinaries(string Directory, int MajorVersion)
{
    /// <summary>The oldest version with <c>DROP DATABASE … WITH (FORCE)</c>.</summary>
    private const int OldestVersion = 13;

    private static readonly string[] Programs = ["initdb", "pg_ctl", "postgres"];

    public string Initdb => Path.Combine(Directory, "initdb");

    public string PgCtl => Path.Combine(Directory, "pg_ctl");

    /// <summary>
    /// The first of <paramref name="places"/> that has a usable version: the <paramref name="wantedVersion"/> of a cluster
    /// that already exists, or any. <paramref name="seen"/> collects what was found on the way.
    /// </summary>
    public static async Task<PostgresBinaries?> FindAsync(IEnumerable<string> places, int? wantedVersion, List<int> seen, CancellationToken cancellationToken)
    {
        foreach (var place in places.Distinct())
        {
            if (!Programs.All(program => File.Exists(Path.Combine(place, Executable(program)))))
                continue;

            // "postgres (PostgreSQL) 17.2 (Debian 17.2-1.pgdg120+1)"
            var answer = await Command.RunAsync([Path.Combine(place, "postgres"), "--version"], cancellationToken);
            var number = answer.Output.Split(' ').ElementAtOrDefault(2) ?? "";
            var digits = number.TakeWhile(char.IsAsciiDigit).ToArray();
            if (!answer.Succeeded || !int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var major))
                continue;

            seen.Add(major);
            if (major >= OldestVersion && (wantedVersion is null || major == wantedVersion))
                return new PostgresBinaries(place, major);
        }

        return null;
    }

    public static async Task<IReadOnlyList<string>> UsualPlacesAsync(CancellationToken cancellationToken)
    {
        var places = new List<string>();
        places.AddRange((Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Where(Path.IsPathFullyQualified));

        var config = await Command.RunAsync(["pg_config", "--bindir"], cancellationToken);
        if (config.Succeeded && config.Output.Trim() is { Length: > 0 } bin)
            places.Add(bin);

        if (OperatingSystem.IsWindows())
        {
            places.AddRange(NewestFirst(@"C:\Program Files\PostgreSQL", "*", "bin"));
        }
        else if (OperatingSystem.IsMacOS())
        {
            places.AddRange(NewestFirst("/opt/homebrew/opt", "postgresql*", "bin"));
            places.AddRange(NewestFirst("/usr/local/opt", "postgresql*", "bin"));
            places.AddRange(NewestFirst("/Applications/Postgres.app/Contents/Versions", "*", "bin"));
            places.AddRange(NewestFirst("/Library/PostgreSQL", "*", "bin"));
        }
        else
        {
            places.AddRange(NewestFirst("/usr/lib/postgresql", "*", "bin"));   // Debian, Ubuntu, SUSE
            places.AddRange(NewestFirst("/usr", "pgsql-*", "bin"));            // the PostgreSQL project's RPMs
            places.AddRange(NewestFirst("/usr/libexec", "postgresql*", ""));   // Alpine
            places.Add("/usr/local/pgsql/bin");                                // built from source
        }

        return places;
    }

    /// <summary>The name of the missing package in this machine's package system.</summary>
    public static string PackageAdvice(string osRelease) =>
        OperatingSystem.IsMacOS() ? "install it with 'brew install postgresql@17'"
        : OperatingSystem.IsWindows() ? "install it with 'winget install PostgreSQL.PostgreSQL.17'"
        : Names(osRelease) switch
        {
            var names when names.Contains("debian") || names.Contains("ubuntu") => "install the package 'postgresql' (apt install postgresql)",
            var names when names.Contains("fedora") || names.Contains("rhel") || names.Contains("centos") =>
                "install the package 'postgresql-server' (dnf install postgresql-server)",
            var names when names.Contains("alpine") => "install the package 'postgresql17' (apk add postgresql17)",
            var names when names.Contains("suse") || names.Contains("opensuse") => "install the package 'postgresql-server' (zypper install postgresql-server)",
            _ => "install the package 'postgresql'",
        };

    public static string ReadOsRelease() => File.Exists("/etc/os-release") ? File.ReadAllText("/etc/os-release") : "";

    private static string[] Names(string osRelease) =>
        [.. osRelease.Split('\n')
            .Where(static line => line.StartsWith("ID=", StringComparison.Ordinal) || line.StartsWith("ID_LIKE=", StringComparison.Ordinal))
            .SelectMany(static line => line[(line.IndexOf('=', StringComparison.Ordinal) + 1)..].Trim('"', ' ', '\r').Split(' '))];

    private static IEnumerable<string> NewestFirst(string parent, string pattern, string child) =>
        System.IO.Directory.Exists(parent)
            ? System.IO.Directory.EnumerateDirectories(parent, pattern)
                .OrderByDescending(static path => Version(Path.GetFileName(path)))
                .Select(path => Path.Combine(path, child))
            : [];

    private static double Version(string name) =>
        double.TryParse(string.Concat(name.SkipWhile(static c => !char.IsAsciiDigit(c))), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var version)
            ? version
            : 0;

    private static string Executable(string program) => OperatingSystem.IsWindows() ? program + ".exe" : program;
}
