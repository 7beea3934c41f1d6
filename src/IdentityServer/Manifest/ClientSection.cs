using System.Text.Json.Nodes;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Clients;
using IdentityServer.Protocol;
using IdentityServer.Protocol.ClientDescriptions;
using Microsoft.IdentityModel.Tokens;

namespace IdentityServer.Manifest;

/// <summary>A client, by the names and defaults of RFC 7591 §2.</summary>
internal static class ClientSection
{
    /// <summary>The JWS algorithm of the client's access tokens, ours by the pattern of RFC 7591's names; left out, the server's.</summary>
    public const string SigningAlgorithm = "access_token_signed_response_alg";

    /// <summary>One secret or several.</summary>
    public const string Secret = "client_secret";

    private const string SecretFile = "client_secret_file";

    private const int MaximumSecrets = 10;
    private const int MaximumScopeLength = ScopeSet.MaximumCount * (ScopeSet.MaximumTokenLength + 1);

    /// <summary>The members, as a JSON Schema tells them.</summary>
    public static readonly Dictionary<string, JsonObject> Members = new(ClientMembers.Schema, StringComparer.Ordinal)
    {
        ["client_id"] = JsonSchema.Text(100),
        [Secret] = JsonSchema.OneOrMore(MaximumSecrets, JsonSchema.Text(SecretPlaces.MaximumLength)),
        [SecretFile] = JsonSchema.OneOrMore(MaximumSecrets, JsonSchema.Text(SecretPlaces.MaximumLength)),
        ["scope"] = JsonSchema.Text(MaximumScopeLength),
        [SigningAlgorithm] = JsonSchema.OneOf(SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.RsaSha256),
        ["disabled"] = JsonSchema.Flag(),
    };

    /// <param name="shortest">Characters that a secret must have.</param>
    public static ManifestClient Read(Node node, SecretPlaces places, int shortest)
    {
        var client = node.Entry(Members.Keys);
        var id = ReadClientId(client.Require("client_id"));
        var described = ClientMembers.Read(client, Speaker.Operator);
        return new ManifestClient(
            client.Path, id, described.Name, described.AuthMethod, ReadSecrets(client, places, shortest), described.GrantTypes, ReadScope(client), described.RedirectUris,
            client.Find(SigningAlgorithm)?.OneOf(SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.RsaSha256), client.Flag("disabled"))
        {
            ResponseTypes = described.ResponseTypes,
            Metadata = described.Metadata,
            Said = ReadSaid(client),
        };
    }

    /// <summary>Of secrets there is no mark: their slow hashes are compared.</summary>
    private static Dictionary<string, string> ReadSaid(NodeObject client)
    {
        var said = MemberMark.OfEach(client, "client_id", Secret, SecretFile);
        if (client.IsWritten(Secret) || client.IsWritten(SecretFile))
            said[Secret] = "";
        return said;
    }

    private static string ReadClientId(Node node)
    {
        // A `sub` is a client's id or a user's UUID: they must not be mistaken for one another.
        var id = node.Text(100);
        if (id.Any(c => c is <= ' ' or > '~'))
            throw node.Mistake("must be visible ASCII characters without a space.");
        if (Guid.TryParse(id, out _))
            throw node.Mistake("looks like a UUID, which are the names of users.");
        return id != Client.AccountApi.ClientId ? id : throw node.Mistake($"is the built-in client {id}, which can't be described.");
    }

    private static string[] ReadSecrets(NodeObject client, SecretPlaces places, int shortest)
    {
        var secrets = new HashSet<string>(StringComparer.Ordinal);
        foreach (var item in client.Find(Secret)?.OneOrMore(MaximumSecrets, "a secret") ?? [])
            secrets.Add(Checked(item, places.Resolve(item, shortest)));
        foreach (var item in client.Find(SecretFile)?.OneOrMore(MaximumSecrets, "the name of a file") ?? [])
            secrets.Add(Checked(item, places.Read(item, shortest)));
        return [.. secrets];
    }

    /// <summary>A newline within is a slip of copying, and no client could send what it is meant to be.</summary>
    private static string Checked(Node node, string secret)
    {
        if (secret.Length > ClientSecrets.MaximumLength)
            throw node.Mistake($"is longer than {ClientSecrets.MaximumLength} characters.");
        return secret.Any(char.IsControl) || !LoginName.IsWellFormed(secret) ? throw node.Mistake("holds a control character or half a surrogate pair.") : secret;
    }

    private static string[] ReadScope(NodeObject client)
    {
        if (client.Find("scope") is not { } node)
            return [];
        // RFC 7591 §2: a string with space-separated values.
        return ScopeSet.TryParse(node.Text(MaximumScopeLength), out var scopes)
            ? scopes.ToArray()
            : throw node.Mistake($"must be at most {ScopeSet.MaximumCount} scopes parted by spaces, each of at most {ScopeSet.MaximumTokenLength} visible ASCII characters but \" and \\.");
    }
}
