namespace IdentityServer.AuthorizationRequests;

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

    /// <summary>False for an unknown value, and for <c>none</c> beside another.</summary>
    public static bool TryParse(string? text, out Prompts prompts)
    {
        prompts = Prompts.Default;
        foreach (var range in (text ?? "").AsSpan().Split(' '))
        {
            var name = text.AsSpan()[range];
            if (name.IsEmpty)
                continue;
            var index = Array.IndexOf(Served, name.ToString());
            if (index < 0)
                return false;
            prompts |= (Prompts)(1 << index);
        }
        return !prompts.HasFlag(Prompts.None) || prompts == Prompts.None;
    }
}
