namespace IdentityServer.Protocol.AuthorizationRequests;

/// <summary>OpenID Connect Core §3.1.2.1, <c>prompt</c>: what the user is to be asked, whatever we know.</summary>
[Flags]
internal enum Prompts
{
    Default = 0,

    /// <summary>Nothing: the answer is an error where a page would be shown.</summary>
    None = 1,
    Login = 2,
    Consent = 4,
    SelectAccount = 8,
}

internal static class PromptNames
{
    public static readonly string[] Served = ["none", "login", "consent", "select_account"];

    /// <summary>Of values that are known, as OpenIddict has checked.</summary>
    public static Prompts Read(string? text)
    {
        var prompts = Prompts.Default;
        foreach (var name in (text ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries))
            prompts |= (Prompts)(1 << Array.IndexOf(Served, name));
        return prompts;
    }
}
