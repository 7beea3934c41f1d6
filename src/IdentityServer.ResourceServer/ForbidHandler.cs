using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>Answers authenticated callers that lack a right. Only OpenIddict's scheme forwards here; this one authenticates nobody.</summary>
internal sealed class ForbidHandler(Challenges challenges, IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string Name = BearerDefaults.Scheme + ".Forbid";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(AuthenticateResult.NoResult());

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) => challenges.ForbidAsync(Context, Context.Features.Get<PresentedToken>()?.IsDpop == true);
}
