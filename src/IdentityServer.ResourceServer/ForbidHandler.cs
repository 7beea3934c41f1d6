using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>Answers who is known and lacks a right. To this scheme OpenIddict's forwards, and nothing else: it knows nobody.</summary>
internal sealed class ForbidHandler(Challenges challenges, IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string Name = BearerDefaults.Scheme + ".Forbid";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(AuthenticateResult.NoResult());

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) => challenges.ForbidAsync(Context, Context.Features.Get<PresentedToken>()?.IsDpop == true);
}
