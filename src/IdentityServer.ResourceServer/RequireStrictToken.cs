namespace IdentityServer.ResourceServer;

/// <summary>Parses strictly before the library, which accepts duplicate claims, non-canonical base64url, <c>crit</c>, and numbers written as strings.</summary>
internal sealed class RequireStrictToken : IOpenIddictValidationHandler<ValidateTokenContext>
{
    public ValueTask HandleAsync(ValidateTokenContext context)
    {
        var presented = PresentedToken.Of(context.Transaction);
        presented.Token = AccessToken.TryRead(context.Token, out var jwt);
        presented.Jwt = jwt;
        if (presented.Token is null)
            context.Refuse(BearerRefusal.Invalid);
        return default;
    }
}
