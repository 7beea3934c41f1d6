using System.Text.Json.Nodes;
using IdentityServer.Clients;

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
    IReadOnlyList<ManifestUser>? Users)
{
    /// <summary>Each start makes all of it so, whatever was changed since.</summary>
    public bool IsAuthoritative { get; init; }

    public IReadOnlyList<ManifestEntry> Entries => [.. Clients ?? [], .. Resources ?? [], .. Roles ?? [], .. Users ?? []];
}

/// <param name="Path">Where in the file it stands.</param>
internal abstract record ManifestEntry(string Path)
{
    /// <summary>The members that are written, each with the mark of its value. What is left out is left as it is.</summary>
    public required IReadOnlyDictionary<string, string> Said { get; init; }

    public abstract string Kind { get; }

    /// <summary>By which messages call it.</summary>
    public abstract string Label { get; }

    public bool Says(string member) => Said.ContainsKey(member);

    /// <summary>Written as null: it shall be as in an entry that is new.</summary>
    public bool Resets(string member) => Said.GetValueOrDefault(member) == MemberMark.Reset;
}

/// <param name="Secrets">All of them are valid, each once. In the clear: never logged, never in an exception.</param>
internal sealed record ManifestClient(
    string Path, string ClientId, string? Name, string AuthMethod, string[] Secrets,
    string[] GrantTypes, string[] Scopes, string[] RedirectUris, string? SigningAlgorithm, bool IsDisabled) : ManifestEntry(Path)
{
    public required ClientMetadata Metadata { get; init; }

    /// <summary>Of the secrets: <see cref="ClientPlan.WithHashes"/>.</summary>
    public string[] Hashes { get; init; } = [];

    /// <summary>What RFC 7591 §2.1 has agree with the grant types; nothing is kept of them.</summary>
    public string[]? ResponseTypes { get; init; }

    public bool IsPublic => AuthMethod == Protocol.TokenEndpointAuthMethods.None;

    public override string Kind => "client";
    public override string Label => ClientId;
}

/// <param name="ClientId">The client by which the resource introspects and reads the revocation feed.</param>
internal sealed record ManifestResource(string Path, string Identifier, string? Name, string[] Scopes, string? ClientId) : ManifestEntry(Path)
{
    public override string Kind => "resource";
    public override string Label => Identifier;
}

internal sealed record ManifestRole(string Path, string Name, string[] Permissions) : ManifestEntry(Path)
{
    public override string Kind => "role";
    public override string Label => Name;
}

/// <summary>An account.</summary>
/// <param name="UserName">Null when only an e-mail address is given; a new account then has that as its name.</param>
/// <param name="Roles">Exactly these, where they are said.</param>
internal sealed record ManifestUser(
    string Path, string? UserName, string? Email, ManifestPassword? Password,
    string? FullName, int? Age, string? Gender, string[] Roles, bool IsDisabled) : ManifestEntry(Path)
{
    /// <summary>Standard claims by their path, such as <c>profile.address.country</c>; null: taken away.</summary>
    public required IReadOnlyDictionary<string, JsonNode?> Profile { get; init; }

    /// <summary>Confirmed, as the operator's e-mail addresses are.</summary>
    public string? PhoneNumber { get; init; }

    /// <summary>By which the summary and the log call the account.</summary>
    public string Name => UserName ?? Email!;

    public override string Kind => "user";
    public override string Label => Name;
}

/// <summary>Looked up only when the account must be made: later the variable or the file may be gone.</summary>
/// <param name="Path">Where in the manifest it is named.</param>
internal sealed record ManifestPassword(string Path, Func<string> Read);
