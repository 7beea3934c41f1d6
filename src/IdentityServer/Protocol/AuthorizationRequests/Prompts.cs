namespace IdentityServer.Protocol.AuthorizationRequests;

/// <summary>OpenID Connect Core §3.1.2.1, <c>prompt</c>: what to ask the user in any case.</summary>
[Flags]
internal enum Prompts
{
    Default = 0,

    /// <summary>Show no page; answer with an error instead.</summary>
    None = 1,
    Login = 2,
    Consent = 4,
    SelectAccount = 8,
}

internal static class PromptNames
{
    public static readonly string[] Served = ["none", "login", "consent", "select_account"];

    /// <summary>All values are known: OpenIddict has checked them.</summary>
    public static Prompts Read(string? text)
    {
        var prompts = Prompts.Default;
        foreach (var name in (text ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries))
            prompts |= (Prompts)(1 << Array.IndexOf(Served, name));
        return prompts;
    }
}
