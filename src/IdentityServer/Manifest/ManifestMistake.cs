namespace IdentityServer.Manifest;

/// <summary>A mistake in a manifest: where it stands (<c>$.clients[0].scope</c>) and what it is. Never says a secret.</summary>
internal sealed class ManifestMistake(string path, string what) : Exception($"{path} {what}");
