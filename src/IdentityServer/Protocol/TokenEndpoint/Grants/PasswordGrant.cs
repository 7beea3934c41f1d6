using IdentityServer.Accounts.Passwords;
using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Limits;
using IdentityServer.Protocol.Grants;
using IdentityServer.Protocol.Tokens;

namespace IdentityServer.Protocol.TokenEndpoint.Grants;

/// <summary>RFC 6749 §4.3, for first-party clients registered for it (RFC 9700 §2.4 says why no others).</summary>
internal sealed class PasswordGrant(PasswordVerifier passwords, SignIn signIn, RequestLimits limits, PasswordSettings settings) : IGrant
{
    public async ValueTask<Result<Issuance>> HandleAsync(TokenRequest request)
    {
        if (request.Client.IsPublic && !settings.AllowPublicClients)
            return Errors.GrantTypeNotAllowed;
        var (username, password) = (request.Parameters[Parameters.Username]!, request.Parameters[Parameters.Password]!);

        var scope = RequestedScope.Read(request.Client, request.Parameters);
        if (scope.IsRefused)
            return scope.Error;
        var granted = request.Narrow(scope.Value);
        if (granted.IsRefused)
            return granted.Error;

        if (limits.Refuse(Limit.SignIn, request.Address, username) is { } tooMany)
            return tooMany;

        var check = await passwords.CheckAsync(username, password, new Caller(request.Client.ClientId, request.Address), request.Cancellation);
        if (check.Outcome == PasswordOutcome.Busy)
            return Errors.Busy;
        if (check.User is not { } user)
            return Errors.SignInRefused;

        // The caller is gone: nobody would receive the tokens.
        request.Cancellation.ThrowIfCancellationRequested();
        var issuance = await signIn.TryStartAsync(request.Client, user, granted.Value, request.Address, CancellationToken.None, terms: request.Terms(granted.Value));
        if (issuance is null)
            return Errors.SignInRefused;
        return issuance.Scopes.Contains(Scopes.OpenId) ? issuance with { Authentication = ByPassword(issuance.User!) } : issuance;
    }

    private static Authentication ByPassword(TokenUser user) =>
        new(user.Subject, user.AuthTime, SessionId: null, new GrantDetails { Acr = AuthenticationContexts.Password, Amr = ["pwd"] });
}
