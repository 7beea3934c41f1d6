namespace IdentityServer.ResourceServer;

/// <summary>Refuses a token that the feed lists as revoked, and every token if the feed has not answered lately.</summary>
internal sealed class RejectRevokedToken(RevocationWatch? watch = null) : IOpenIddictValidationHandler<ProcessAuthenticationContext>
{
    public async ValueTask HandleAsync(ProcessAuthenticationContext context)
    {
        var presented = PresentedToken.Of(context.Transaction);
        if (!presented.IsVerified)
            context.Refuse(BearerRefusal.Invalid);
        else if (watch is not null && await watch.RefuseAsync(presented.Token!, context.CancellationToken) is { } refusal)
            context.Refuse(refusal);
    }
}
