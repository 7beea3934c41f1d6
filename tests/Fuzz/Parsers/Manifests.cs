using System.Text;
using Fuzz.Inputs;
using Fuzz.Oracles;
using IdentityServer.Manifest;

namespace Fuzz.Parsers;

/// <summary>Manifests: read, or refused in one line without a secret.</summary>
internal sealed class Manifests : Target, IDisposable
{
    private const string Secret = "s3cr3t-of-the-operator";

    private static readonly byte[][] Sound =
    [
        Encoding.UTF8.GetBytes($$"""
            {"clients":[{"client_id":"shop","client_secret":"{{Secret}}","client_name":"Shop","grant_types":["password","refresh_token"],"token_endpoint_auth_method":"client_secret_basic","scope":"data:read offline_access","redirect_uris":["https://shop.example/cb"]},
            {"client_id":"spa","token_endpoint_auth_method":"none","access_token_signed_response_alg":"RS256","client_name":null,"disabled":true}],
            "resources":[{"identifier":"http://localhost:5010","name":"Data","scopes":["data:read"],"client_id":"shop"}],
            "roles":[{"name":"admin","permissions":["users:manage"]}],
            "users":[{"username":"alice","email":"alice@example.com","password":"{{Secret}}","full_name":"Alice","age":30,"gender":"female","roles":["admin"],"disabled":false}]}
            """),
        Encoding.UTF8.GetBytes($$"""{"clients":[{"client_id":"a","client_secret":["{{Secret}}-1","{{Secret}}-2","$FUZZ_SECRET"]}],"users":[{"email":"b@example.com"}]}"""),
        """{"roles":[]}"""u8.ToArray(),
        "{}"u8.ToArray(),
    ];

    private readonly string _file = Path.Combine(Directory.CreateTempSubdirectory("fuzz-").FullName, "manifest.json");

    public override string Name => "manifests";
    public override int Share => 4;

    // The reader takes room for the largest file that it accepts, 4 MiB.
    public override long AllocationBound(int length) => (5L * 1024 * 1024) + (256L * length);

    public override byte[] Next(Mutator mutator) => mutator.OneIn(3) ? mutator.Damage(Sound) : mutator.DamageJson(Sound);

    public override Func<string?> Read(byte[] input)
    {
        File.WriteAllBytes(_file, input);
        ManifestDocument? document = null;
        var message = "";
        try
        {
            document = ManifestReader.Read(_file, name => name == "FUZZ_SECRET" ? Secret : null);
        }
        catch (StartupException refused)
        {
            message = refused.Message;
        }
        return () =>
        {
            var text = input.AsSpan().StartsWith("\uFEFF"u8) ? input[3..] : input;
            var json = Json.Parse(text, JsonRules.Strict with { MayRepeatMembers = true });
            if (document is null)
                return message.Any(c => c is '\n' or '\r' or '\0') ? "is refused in more than one line" : Leaks(message, json) ? "has its secret said: " + message : null;
            if (json?.Kind != JsonKind.Object || json.Everything().Exists(node => node.Members.DistinctBy(member => member.Name).Count() != node.Members.Count))
                return "was accepted; the oracle disagrees";
            return HasAll(document, json) ? "" : "was read as something else";
        };
    }

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_file)!, recursive: true);

    /// <summary>Whether it shows a text that was only where secrets are.</summary>
    private static bool Leaks(string message, Json? json)
    {
        if (!message.Contains(Secret, StringComparison.Ordinal))
            return false;
        var elsewhere = json?.Everything().Where(node => node.Kind == JsonKind.Object).SelectMany(node => node.Members)
            .Any(member => member.Name.Contains(Secret, StringComparison.Ordinal)
                || (member.Name is not ("client_secret" or "password") && member.Value.Everything().Exists(node => node.Kind == JsonKind.Text && node.Text.Contains(Secret, StringComparison.Ordinal))));
        return elsewhere != true;
    }

    private static bool HasAll(ManifestDocument document, Json json) =>
        (json["clients"]?.Items.Select(client => client["client_id"]!.Text) ?? []).SequenceEqual((document.Clients ?? []).Select(client => client.ClientId))
        && (json["clients"]?.Items.Select(client => client["disabled"]?.Text == "true") ?? []).SequenceEqual((document.Clients ?? []).Select(client => client.IsDisabled))
        && (json["clients"]?.Items.Select(client => client["token_endpoint_auth_method"]?.Text == "none") ?? []).SequenceEqual((document.Clients ?? []).Select(client => client.IsPublic))
        && (json["resources"]?.Items.Select(resource => resource["identifier"]!.Text) ?? []).SequenceEqual((document.Resources ?? []).Select(resource => resource.Identifier))
        && (json["users"]?.Items.Select(user => user["username"] is { Kind: JsonKind.Text } name ? name.Text : user["email"]!.Text) ?? []).SequenceEqual((document.Users ?? []).Select(user => user.Name))
        && (document.Users ?? []).All(user => user.Roles.Length == user.Roles.Distinct().Count());
}
