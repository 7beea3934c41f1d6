namespace IdentityServer.Manifest;

/// <summary>
/// A manifest that was read and is sound in itself: what the server shall serve. A section that is left out is null: it
/// asks for nothing, and <c>--prune</c> leaves what it would list alone.
/// </summary>
/// <param name="Name">The file, as messages call it.</param>
internal sealed record ManifestDocument(
    string Name,
    IReadOnlyList<ManifestClient>? Clients,
    IReadOnlyList<ManifestResource>? Resources,
    IReadOnlyList<ManifestRole>? Roles,
    IReadOnlyList<ManifestUser>? Users);

/// <summary>The whole description of a client: what it leaves out, the client does not have.</summary>
/// <param name="Path">Where in the file it stands.</param>
/// <param name="Secrets">All of them are valid, each once. In the clear: never logged, never in an exception.</param>
internal sealed record ManifestClient(
    string Path, string ClientId, string? Name, string AuthMethod, string[] Secrets,
    string[] GrantTypes, string[] Scopes, string[] RedirectUris, string? SigningAlgorithm, bool IsDisabled)
{
    public required Configuration.ClientMetadata Metadata { get; init; }

    public bool IsPublic => AuthMethod == Protocol.TokenEndpointAuthMethods.None;
}

/// <param name="ClientId">The client by which the resource introspects and reads the revocation feed.</param>
internal sealed record ManifestResource(string Path, string Identifier, string? Name, string[] Scopes, string? ClientId);

internal sealed record ManifestRole(string Path, string Name, string[] Permissions);

/// <summary>An account. What it leaves out is left as the account has it, but <c>disabled</c>, which is false then.</summary>
/// <param name="UserName">Null when only an e-mail address is given; a new account then has that as its name.</param>
/// <param name="Roles">Exactly these, or null: left as they are.</param>
internal sealed record ManifestUser(
    string Path, string? UserName, string? Email, ManifestPassword? Password,
    string? FullName, int? Age, string? Gender, string[]? Roles, bool IsDisabled)
{
    /// <summary>A JSON object of standard claims; null: left as it is.</summary>
    public string? Profile { get; init; }

    /// <summary>Confirmed, as the operator's e-mail addresses are.</summary>
    public string? PhoneNumber { get; init; }

    /// <summary>By which the summary and the log call the account.</summary>
    public string Name => UserName ?? Email!;
}

/// <summary>Looked up only when the account must be made: later the variable or the file may be gone.</summary>
/// <param name="Path">Where in the manifest it is named.</param>
internal sealed record ManifestPassword(string Path, Func<string> Read);
