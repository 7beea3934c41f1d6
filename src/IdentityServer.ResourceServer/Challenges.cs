using System.Globalization;
using System.Text;
using Dpop;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>Writes the answer to a refused request: status, headers and body.</summary>
internal sealed class Challenges(IOptions<IdentityServerTokensOptions> options, ProtectedResourceMetadata metadata)
{
    private static readonly string DpopAlgorithms = string.Join(' ', DpopProof.Algorithms);

    public Task ForbidAsync(HttpContext httpContext, bool isDpop)
    {
        var required = httpContext.GetEndpoint()?.Metadata.GetMetadata<ScopeRequirement>();
        return RefuseAsync(httpContext, required is null || required.IsMetBy(httpContext) ? BearerRefusal.Forbidden : BearerRefusal.MissingScope(required.Scope), isDpop);
    }

    public Task RefuseAsync(HttpContext httpContext, BearerRefusal refusal, bool isDpop)
    {
        httpContext.Response.StatusCode = refusal.StatusCode;
        httpContext.Response.Headers.CacheControl = "no-store";
        if (refusal.StatusCode != StatusCodes.Status503ServiceUnavailable)
            httpContext.Response.Headers.Append("WWW-Authenticate", Challenge(refusal, isDpop));
        if (refusal.RetryAfter is { } delay)
            httpContext.Response.Headers.RetryAfter = ((int)Math.Ceiling(delay.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        return options.Value.WriteError?.Invoke(httpContext, refusal) ?? TypedResults.Problem(refusal.Description, statusCode: refusal.StatusCode).ExecuteAsync(httpContext);
    }

    // RFC 6750 §3, RFC 9449 §7.1, RFC 9728 §5.1: with the scheme that the token came with, or should have. All values are our own or checked at start; nothing from the request is echoed.
    private string Challenge(BearerRefusal refusal, bool isDpop)
    {
        isDpop |= refusal == BearerRefusal.BoundToken && options.Value.IsDpopUsed;
        var challenge = new StringBuilder(isDpop ? "DPoP" : "Bearer").Append(" realm=\"").Append(options.Value.Resource).Append('"');
        if (isDpop)
            challenge.Append(", algs=\"").Append(DpopAlgorithms).Append('"');
        if (refusal.Error is not null)
            challenge.Append(", error=\"").Append(refusal.Error).Append("\", error_description=\"").Append(refusal.Description).Append('"');
        if (refusal.Scope is not null)
            challenge.Append(", scope=\"").Append(refusal.Scope).Append('"');
        return challenge.Append(", resource_metadata=\"").Append(metadata.Address).Append('"').ToString();
    }
}
