using IdentityServer.AuthorizationRequests;
using IdentityServer.Configuration;
using IdentityServer.Passwords;
using IdentityServer.Protocol;
using IdentityServer.Settings;
using Jose;

namespace IdentityServer.Manifest;

/// <summary>A client, by the names and defaults of RFC 7591 §2.</summary>
internal static class ClientSection
{
    /// <summary>The JWS algorithm of the client's access tokens, ours by the pattern of RFC 7591's names; left out, the server's.</summary>
    public const string SigningAlgorithm = "access_token_signed_response_alg";

    private const int MaximumNameLength = 200;
    private const int MaximumSecrets = 10;
    private const int MaximumRedirectUris = 100;

    public static ManifestClient Read(Node node, SecretPlaces places, PasswordSettings passwords)
    {
        var client = node.Members(
            ["client_id", "client_secret", "client_secret_file", "client_name", "grant_types", "token_endpoint_auth_method", "scope", "redirect_uris", SigningAlgorithm, "disabled",
            .. ClientMetadataSection.Names]);
        var secrets = ReadSecrets(client, places);
        var authMethod = client.Find("token_endpoint_auth_method")?.OneOf(TokenEndpointAuthMethods.Served) ?? TokenEndpointAuthMethods.ClientSecretBasic;
        var redirectUris = client.Set("redirect_uris", MaximumRedirectUris, uri => uri.AbsoluteUri()) ?? [];
        var grantTypes = client.Set("grant_types", GrantTypes.Served.Length, grant => grant.OneOf(GrantTypes.Served)) ?? DefaultGrantTypes(redirectUris);
        var read = new ManifestClient(
            client.Path,
            ReadClientId(client.Require("client_id")),
            ReadName(client),
            authMethod,
            secrets,
            grantTypes,
            ReadScope(client),
            redirectUris,
            client.Find(SigningAlgorithm)?.OneOf(JwsAlgorithms.ES256, JwsAlgorithms.RS256),
            client.Flag("disabled"))
        {
            Metadata = ClientMetadataSection.Read(client, authMethod, grantTypes),
        };

        CheckSecrets(client, read);
        CheckGrantTypes(read, passwords);
        CheckRedirectUris(client, read);
        return read;
    }

    /// <summary>RFC 7591 §2, where there is an address that a code could go to; else none: who only introspects has nowhere to be sent.</summary>
    private static string[] DefaultGrantTypes(string[] redirectUris) => redirectUris.Length > 0 ? [GrantTypes.AuthorizationCode] : [];

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

    /// <summary>What people read: a sign of direction within could turn the sentence around it.</summary>
    private static string? ReadName(NodeObject client)
    {
        var name = client.Text("client_name", MaximumNameLength);
        return name is null || NameRules.IsLine(name, MaximumNameLength) ? name : throw client.Find("client_name")!.Value.Mistake($"must be 1 to {MaximumNameLength} visible characters.");
    }

    private static string[] ReadSecrets(NodeObject client, SecretPlaces places)
    {
        var secrets = new HashSet<string>(StringComparer.Ordinal);
        foreach (var item in client.Find("client_secret")?.OneOrMore(MaximumSecrets, "a secret") ?? [])
            secrets.Add(Checked(item, places.Resolve(item)));
        foreach (var item in client.Find("client_secret_file")?.OneOrMore(MaximumSecrets, "the name of a file") ?? [])
            secrets.Add(Checked(item, places.Read(item)));
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
        var limit = ScopeSet.MaximumCount * (ScopeSet.MaximumTokenLength + 1);
        return ScopeSet.TryParse(node.Text(limit), out var scopes)
            ? scopes.ToArray()
            : throw node.Mistake($"must be at most {ScopeSet.MaximumCount} scopes parted by spaces, each of at most {ScopeSet.MaximumTokenLength} visible ASCII characters but \" and \\.");
    }

    private static void CheckSecrets(NodeObject client, ManifestClient read)
    {
        if (read.IsPublic && read.Secrets.Length > 0)
            throw (client.Find("client_secret") ?? client.Find("client_secret_file"))!.Value.Mistake("belongs to no public client: token_endpoint_auth_method is none.");
        var hasSecret = TokenEndpointAuthMethods.HasSecret(read.AuthMethod);
        if (!read.IsPublic && !hasSecret && read.Secrets.Length > 0)
            throw (client.Find("client_secret") ?? client.Find("client_secret_file"))!.Value.Mistake($"belongs to no client that authenticates by {read.AuthMethod}.");
        if (hasSecret && read.Secrets.Length == 0)
            throw client.Missing("client_secret", "; a public client says \"token_endpoint_auth_method\": \"none\"");
    }

    /// <summary>Where codes go; a client without the grant may name whatever it likes.</summary>
    private static void CheckRedirectUris(NodeObject client, ManifestClient read)
    {
        if (!read.GrantTypes.Contains(GrantTypes.AuthorizationCode))
            return;
        if (read.RedirectUris.Length == 0)
            throw client.Missing("redirect_uris", ", and grant_types holds authorization_code");
        var isNative = read.Metadata.ApplicationType == "native";
        for (var i = 0; i < read.RedirectUris.Length; i++)
        {
            if (RedirectUris.MistakeIn(read.RedirectUris[i], isNative) is { } mistake)
                throw new ManifestMistake($"{read.Path}.redirect_uris[{i}]", $"is {read.RedirectUris[i]}; it {mistake}");
        }
    }

    private static void CheckGrantTypes(ManifestClient read, PasswordSettings passwords)
    {
        if (!read.IsPublic)
            return;
        for (var i = 0; i < read.GrantTypes.Length; i++)
        {
            var path = $"{read.Path}.grant_types[{i}]";
            // RFC 6749 §4.4: client credentials are for confidential clients only.
            if (read.GrantTypes[i] == GrantTypes.ClientCredentials)
                throw new ManifestMistake(path, "is client_credentials, which a public client can't have.");
            // The token of one who can't say who it is would be anybody's to exchange.
            if (read.GrantTypes[i] == GrantTypes.TokenExchange)
                throw new ManifestMistake(path, "is token exchange, which a public client can't have.");
            if (read.GrantTypes[i] == GrantTypes.Password && !passwords.AllowPublicClients)
                throw new ManifestMistake(path, "is password, which a public client can't have unless the setting Password:AllowPublicClients is true.");
        }
    }
}
