using System.Collections.Immutable;
using System.Security.Claims;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace OpenIddictPeer;

/// <summary>Does what the controllers of OpenIddict's samples do for each grant (Aridka, Hollastin, Velusia).</summary>
public sealed class AuthorizationController(
    IOpenIddictApplicationManager applications, IOpenIddictAuthorizationManager authorizations, IOpenIddictScopeManager scopes,
    SignInManager<IdentityUser> signIn, UserManager<IdentityUser> users) : Controller
{
    /// <summary>The samples have Identity's pages for it.</summary>
    [HttpPost("~/account/login")]
    public async Task<IActionResult> Login([FromForm] string username, [FromForm] string password) =>
        (await signIn.PasswordSignInAsync(username, password, isPersistent: false, lockoutOnFailure: true)).Succeeded ? Ok() : Unauthorized();

    [HttpGet("~/connect/authorize")]
    public async Task<IActionResult> Authorize()
    {
        var request = HttpContext.GetOpenIddictServerRequest()!;
        var result = await HttpContext.AuthenticateAsync(IdentityConstants.ApplicationScheme);
        if (!result.Succeeded)
            return Challenge(IdentityConstants.ApplicationScheme);

        var user = await users.GetUserAsync(result.Principal) ?? throw new InvalidOperationException("The user details can't be retrieved.");
        var application = await applications.FindByClientIdAsync(request.ClientId!) ?? throw new InvalidOperationException("The application can't be found.");
        var userId = await users.GetUserIdAsync(user);
        var applicationId = await applications.GetIdAsync(application);

        // The permanent authorizations of this user for this client and these scopes.
        var existing = new List<object>();
        await foreach (var found in authorizations.FindAsync(userId, applicationId, Statuses.Valid, AuthorizationTypes.Permanent, request.GetScopes()))
            existing.Add(found);
        if (await applications.GetConsentTypeAsync(application) is not ConsentTypes.Implicit && existing.Count == 0)
            return Refuse(Errors.ConsentRequired, "Interactive user consent is required.");

        var identity = await DescribeAsync(CreateIdentity(), user);
        await GrantAsync(identity, request.GetScopes());
        var authorization = existing.LastOrDefault()
            ?? await authorizations.CreateAsync(identity, userId, applicationId!, AuthorizationTypes.Permanent, identity.GetScopes());
        identity.SetAuthorizationId(await authorizations.GetIdAsync(authorization));
        return Issue(identity);
    }

    [HttpPost("~/connect/token"), IgnoreAntiforgeryToken, Produces("application/json")]
    public async Task<IActionResult> Exchange()
    {
        var request = HttpContext.GetOpenIddictServerRequest()!;
        if (request.IsClientCredentialsGrantType())
        {
            var application = await applications.FindByClientIdAsync(request.ClientId!) ?? throw new InvalidOperationException("The application can't be found.");
            var identity = CreateIdentity();
            identity.SetClaim(Claims.Subject, await applications.GetClientIdAsync(application));
            identity.SetClaim(Claims.Name, await applications.GetDisplayNameAsync(application));
            await GrantAsync(identity, request.GetScopes());
            return Issue(identity);
        }

        if (request.IsPasswordGrantType())
        {
            var user = await users.FindByNameAsync(request.Username!);
            if (user is null || !(await signIn.CheckPasswordSignInAsync(user, request.Password!, lockoutOnFailure: true)).Succeeded)
                return Refuse(Errors.InvalidGrant, "The username or password is wrong.");
            var identity = await DescribeAsync(CreateIdentity(), user);
            await GrantAsync(identity, request.GetScopes());
            return Issue(identity);
        }

        if (request.IsAuthorizationCodeGrantType() || request.IsRefreshTokenGrantType())
        {
            // The principal that is stored in the code or the refresh token.
            var result = await HttpContext.AuthenticateAsync(OpenIddictServerAspNetCoreDefaults.AuthenticationScheme);
            var user = await users.FindByIdAsync(result.Principal!.GetClaim(Claims.Subject)!);
            if (user is null)
                return Refuse(Errors.InvalidGrant, "The token is no longer valid.");
            if (!await signIn.CanSignInAsync(user))
                return Refuse(Errors.InvalidGrant, "The user is no longer allowed to sign in.");
            // The user's claims may have changed since.
            return Issue(await DescribeAsync(CreateIdentity(result.Principal!.Claims), user));
        }

        throw new InvalidOperationException("The grant type is not supported.");
    }

    private static ClaimsIdentity CreateIdentity(IEnumerable<Claim>? claims = null) =>
        new(claims, TokenValidationParameters.DefaultAuthenticationType, Claims.Name, Claims.Role);

    private async Task<ClaimsIdentity> DescribeAsync(ClaimsIdentity identity, IdentityUser user) => identity
        .SetClaim(Claims.Subject, await users.GetUserIdAsync(user))
        .SetClaim(Claims.Email, await users.GetEmailAsync(user))
        .SetClaim(Claims.Name, await users.GetUserNameAsync(user))
        .SetClaim(Claims.PreferredUsername, await users.GetUserNameAsync(user))
        .SetClaims(Claims.Role, [.. await users.GetRolesAsync(user)]);

    private async Task GrantAsync(ClaimsIdentity identity, ImmutableArray<string> granted)
    {
        identity.SetScopes(granted);
        var resources = new List<string>();
        await foreach (var resource in scopes.ListResourcesAsync(identity.GetScopes()))
            resources.Add(resource);
        identity.SetResources(resources);
    }

    private Microsoft.AspNetCore.Mvc.SignInResult Issue(ClaimsIdentity identity)
    {
        identity.SetDestinations(GetDestinations);
        return SignIn(new ClaimsPrincipal(identity), OpenIddictServerAspNetCoreDefaults.AuthenticationScheme);
    }

    private ForbidResult Refuse(string error, string description) => Forbid(
        new AuthenticationProperties(new Dictionary<string, string?>
        {
            [OpenIddictServerAspNetCoreConstants.Properties.Error] = error,
            [OpenIddictServerAspNetCoreConstants.Properties.ErrorDescription] = description,
        }),
        OpenIddictServerAspNetCoreDefaults.AuthenticationScheme);

    private static IEnumerable<string> GetDestinations(Claim claim)
    {
        switch (claim.Type)
        {
            case Claims.Name or Claims.PreferredUsername:
                yield return Destinations.AccessToken;
                if (claim.Subject!.HasScope(Permissions.Scopes.Profile))
                    yield return Destinations.IdentityToken;
                break;
            case Claims.Email:
                yield return Destinations.AccessToken;
                if (claim.Subject!.HasScope(Permissions.Scopes.Email))
                    yield return Destinations.IdentityToken;
                break;
            case Claims.Role:
                yield return Destinations.AccessToken;
                if (claim.Subject!.HasScope(Permissions.Scopes.Roles))
                    yield return Destinations.IdentityToken;
                break;
            // Never leaves the server.
            case "AspNet.Identity.SecurityStamp":
                break;
            default:
                yield return Destinations.AccessToken;
                break;
        }
    }
}
