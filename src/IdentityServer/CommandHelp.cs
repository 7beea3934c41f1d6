namespace IdentityServer;

/// <summary>The text of <c>--help</c>, for the program or for one of its commands.</summary>
internal static class CommandHelp
{
    private const string Codes =
        """
        Exit codes: 0 done, 1 refused (the reason is one line), 2 wrong usage.
        """;

    private const string Settings =
        """
        Settings come from appsettings.json, environment variables (RefreshTokens__Leeway=30) and the command line
        (--RefreshTokens:Leeway=30). Those used most:
          ConnectionStrings:IdentityServer     the PostgreSQL database; without it a private one, not in Production
          IdentityServer:Issuer                the server's name in its tokens; https in Production
          IdentityServer:Manifest              a JSON file of clients, resources, roles and users, applied at each start
          DataProtection:CertificatePath       the certificate that encrypts the keys in the database
          ASPNETCORE_URLS                      where the server listens, http://localhost:5000 if not set
        README.md, section Settings, lists all of them.
        """;

    private static readonly (string Name, string Arguments, string What, string[] More)[] Commands =
    [
        (CommandLine.Migrate, "", "creates or migrates the schema, and does nothing else", []),
        (CommandLine.Apply, "FILE [--prune]", "applies a manifest; running nodes follow within 5 seconds",
        [
            "  FILE       a JSON file of clients, resources, roles and users (README.md, section The manifest).",
            "             Members that it leaves out stay as they are; null resets one to its default.",
            "  --prune    removes clients, resources and roles that the file does not list, in the sections that it has.",
            "             Accounts are never removed.",
        ]),
        (CommandLine.Plan, "FILE [--prune]", "shows what apply would change, and changes nothing",
        [
            "  FILE       a JSON file of clients, resources, roles and users (README.md, section The manifest).",
            "  --prune    shows what apply --prune would change.",
            "",
            "Lines begin with + (created), ~ (changed, its members below with old and new value) or - (removed).",
        ]),
        (CommandLine.ManifestSchema, "", "prints the JSON Schema of a manifest, by which editors complete and check one", []),
        (CommandLine.ImportOpenIddict, "CONNECTION [--dry-run]", "brings in the clients, scopes and consents of another OpenIddict server",
        [
            "  CONNECTION is the connection string of its PostgreSQL database, such as \"Host=db;Database=shop;Username=…;Passfile=…\".",
            "             Existing entries stay as they are. See docs/operations.md, section Coming from your own OpenIddict server.",
            "  --dry-run  changes nothing, but prints the same.",
            "",
            "Lines begin with + (comes in), = (is here already, or not needed) or ! (can't come in).",
            "Exit code 3: something could not come in; the rest did.",
        ]),
        (CommandLine.RewrapKeys, "", "encrypts the keys in the database with a new certificate; nobody is signed out", []),
        (CommandLine.ReplaceKeys, "", "makes new keys at once; every token ever issued is dead", []),
        (CommandLine.HealthCheck, "", "asks the server at ASPNETCORE_URLS whether it is live; exit code 0 if it is", []),
    ];

    /// <param name="command">One of <see cref="CommandLine"/>; null: the program.</param>
    public static string Of(string? command)
    {
        if (Commands.FirstOrDefault(one => one.Name == command) is not { Name: not null } found)
        {
            var list = string.Join('\n', Commands.Select(one => $"  {one.Name + " " + one.Arguments,-40} {one.What}"));
            return $"{CommandLine.Usage}\n\nWithout a command it serves. Commands:\n{list}\n\nIdentityServer COMMAND --help explains one.\n\n{Settings}\n\n{Codes}";
        }
        var usage = $"Usage: IdentityServer {$"{found.Name} {found.Arguments}".TrimEnd()} [--Setting=value …]\n\n{char.ToUpperInvariant(found.What[0])}{found.What[1..]}.";
        return string.Join('\n', [usage, .. found.More, "", Settings, "", Codes]);
    }
}
