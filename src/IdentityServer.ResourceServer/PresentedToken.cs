using Dpop;

namespace IdentityServer.ResourceServer;

/// <summary>What the handlers of one request know of its token.</summary>
internal sealed class PresentedToken
{
    /// <summary>It came by the scheme for tokens that are bound to a key.</summary>
    public bool IsDpop { get; set; }

    public TokenHash Hash { get; set; }

    /// <summary>Strictly read; believe it after <see cref="IsVerified"/>.</summary>
    public AccessToken? Token { get; set; }

    /// <summary>As it is spelled, where it was not seen before.</summary>
    public StrictJwt? Jwt { get; set; }

    public bool IsVerified { get; set; }

    /// <summary>Why the request is not let in.</summary>
    public BearerRefusal? Refusal { get; set; }

    public static PresentedToken Of(OpenIddictValidationTransaction transaction)
    {
        if (transaction.Properties.TryGetValue(nameof(PresentedToken), out var known))
            return (PresentedToken)known!;
        var presented = new PresentedToken();
        transaction.Properties[nameof(PresentedToken)] = presented;
        return presented;
    }
}

internal static class RefusalExtensions
{
    /// <summary>Rejects with what <see cref="AnswerRefusal"/> then tells the caller.</summary>
    public static void Refuse(this BaseValidatingContext context, BearerRefusal refusal)
    {
        PresentedToken.Of(context.Transaction).Refusal = refusal;
        context.Reject(refusal.Error ?? (refusal.StatusCode == 503 ? "server_error" : "missing_token"), refusal.Description);
    }
}
