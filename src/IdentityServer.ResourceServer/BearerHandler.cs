using System.Text;
using System.Text.Encodings.Web;
using Dpop;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>RFC 6750 and RFC 9449 in ASP.NET Core: reads the token of a request, and says what was wrong with it.</summary>
internal sealed class BearerHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> schemeOptions, ILoggerFactory loggers, UrlEncoder encoder,
    AccessTokenVerification verification, DpopProofs proofs, IOptions<IdentityServerTokensOptions> options, ProtectedResourceMetadata metadata)
    : AuthenticationHandler<AuthenticationSchemeOptions>(schemeOptions, loggers, encoder)
{
    private static readonly string DpopAlgorithms = string.Join(' ', DpopProof.Algorithms);

    private BearerRefusal _refusal = BearerRefusal.NoToken;
    private bool _isDpop;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var text = BearerCredentials.Read(Request, out _isDpop, out var refusal);
        if (text is null)
        {
            _refusal = refusal!;
            return _refusal == BearerRefusal.NoToken ? AuthenticateResult.NoResult() : AuthenticateResult.Fail(_refusal.Description);
        }

        (var token, refusal) = await verification.VerifyAsync(text, Context.RequestAborted);
        refusal ??= RefuseKey(text, token!);
        if (token is null || refusal is not null)
        {
            _refusal = refusal!;
            return AuthenticateResult.Fail(_refusal.Description);
        }

        Context.Features.Set(token);
        return AuthenticateResult.Success(new AuthenticationTicket(token.ToPrincipal(), Scheme.Name));
    }

    /// <summary>RFC 9449 §7.2: a token that is bound to a key is none that a bearer may use.</summary>
    private BearerRefusal? RefuseKey(string text, AccessToken token)
    {
        if (token.KeyThumbprint is { } key)
        {
            if (_isDpop)
                return proofs.Refuse(Context, text, key);
            _isDpop = true;
            return BearerRefusal.BoundToken;
        }
        return _isDpop ? BearerRefusal.UnboundToken : null;
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        await HandleAuthenticateOnceSafeAsync();
        await RefuseAsync(_refusal);
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties)
    {
        var required = Context.GetEndpoint()?.Metadata.GetMetadata<ScopeRequirement>();
        return RefuseAsync(required is null || required.IsMetBy(Context.User) ? BearerRefusal.Forbidden : BearerRefusal.MissingScope(required.Scope));
    }

    private Task RefuseAsync(BearerRefusal refusal)
    {
        Response.StatusCode = refusal.StatusCode;
        Response.Headers.CacheControl = "no-store";
        if (refusal.StatusCode != StatusCodes.Status503ServiceUnavailable)
            Response.Headers.Append("WWW-Authenticate", Challenge(refusal));
        if (refusal.RetryAfter is { } delay)
            Response.Headers.RetryAfter = ((int)Math.Ceiling(delay.TotalSeconds)).ToString(System.Globalization.CultureInfo.InvariantCulture);
        return (options.Value.WriteError ?? ProblemDocument.WriteAsync)(Context, refusal);
    }

    // RFC 6750 §3, RFC 9449 §7.1, RFC 9728 §5.1: in the scheme that the token came by, or should have. All values are our own or checked at start: nothing of the request is echoed.
    private string Challenge(BearerRefusal refusal)
    {
        var challenge = new StringBuilder(_isDpop ? "DPoP" : "Bearer").Append(" realm=\"").Append(options.Value.Resource).Append('"');
        if (_isDpop)
            challenge.Append(", algs=\"").Append(DpopAlgorithms).Append('"');
        if (refusal.Error is not null)
            challenge.Append(", error=\"").Append(refusal.Error).Append("\", error_description=\"").Append(refusal.Description).Append('"');
        if (refusal.Scope is not null)
            challenge.Append(", scope=\"").Append(refusal.Scope).Append('"');
        return challenge.Append(", resource_metadata=\"").Append(metadata.Address).Append('"').ToString();
    }
}
