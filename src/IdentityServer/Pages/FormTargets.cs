namespace IdentityServer.Pages;

/// <summary>
/// Which redirects may follow the post of a form: Chromium holds the policy's <c>form-action</c> against them too
/// (Content Security Policy 3 §6.3.1).
/// </summary>
internal static class FormTargets
{
    /// <summary>Sources for <c>form-action</c>: where a client's registered redirect URIs lead. Null: nowhere.</summary>
    public static string? Of(IEnumerable<string> redirectUris)
    {
        List<string> sources = [];
        foreach (var text in redirectUris)
        {
            if (Uri.TryCreate(text, UriKind.Absolute, out var uri) && SourceOf(uri) is { } source && !sources.Contains(source))
                sources.Add(source);
        }
        return sources.Count == 0 ? null : string.Join(' ', sources);
    }

    /// <summary>Built from what was parsed: nothing that was registered can end the directive and begin another.</summary>
    private static string SourceOf(Uri uri) => uri switch
    {
        { Scheme: not ("http" or "https") } => $"{uri.Scheme}:",
        // A source has no form for an IPv6 address.
        { HostNameType: UriHostNameType.IPv6 } => $"{uri.Scheme}:",
        // RFC 8252 §7.3: any port.
        { IsLoopback: true } => $"{uri.Scheme}://{uri.IdnHost}:*",
        _ => $"{uri.Scheme}://{uri.IdnHost}{(uri.IsDefaultPort ? "" : $":{uri.Port}")}",
    };
}
