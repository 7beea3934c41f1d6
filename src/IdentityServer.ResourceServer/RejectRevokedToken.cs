namespace IdentityServer.ResourceServer;

/// <summary>What ended before its time is in the feed; and without word of the feed no token is trusted.</summary>
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
