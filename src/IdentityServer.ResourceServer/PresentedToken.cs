using Dpop;

namespace IdentityServer.ResourceServer;

/// <summary>What the handlers of one request know of its token.</summary>
internal sealed class PresentedToken
{
    /// <summary>Whether it came with the scheme for key-bound tokens.</summary>
    public bool IsDpop { get; set; }

    public TokenHash Hash { get; set; }

    /// <summary>Strictly parsed; trust it only if <see cref="IsVerified"/>.</summary>
    public AccessToken? Token { get; set; }

    /// <summary>The parsed JWT, if the token was not seen before.</summary>
    public StrictJwt? Jwt { get; set; }

    public bool IsVerified { get; set; }

    /// <summary>Why the request is refused.</summary>
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
    /// <summary>Rejects the request with the refusal that <see cref="AnswerRefusal"/> writes.</summary>
    public static void Refuse(this BaseValidatingContext context, BearerRefusal refusal)
    {
        PresentedToken.Of(context.Transaction).Refusal = refusal;
        context.Reject(refusal.Error ?? (refusal.StatusCode == 503 ? "server_error" : "missing_token"), refusal.Description);
    }
}
