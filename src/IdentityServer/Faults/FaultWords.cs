using System.Net;
using IdentityServer.Http;
using IdentityServer.Pages;
using IdentityServer.Protocol;
using IdentityServer.Settings;
using ServiceDefaults;
using ServiceDefaults.Http;

namespace IdentityServer.Faults;

/// <summary>OAuth errors below <c>/connect</c> and <c>/.well-known</c>, a page where people come by browser, the envelope elsewhere.</summary>
internal sealed class FaultWords(PageWriter pages, IssuerSettings issuer) : IFaultWords
{
    private static readonly string[] ProtocolRoots = ["/connect", "/.well-known"];

    /// <summary>Where people come with their browser.</summary>
    private static readonly string[] BrowserRoutes = [PageRoutes.Account, PageRoutes.Device, ProtocolRoutes.Authorize, ProtocolRoutes.EndSession];

    public Task AnswerAsync(HttpContext httpContext, int status)
    {
        if (IsForReaders(httpContext))
            return AnswerReaderAsync(httpContext, status);
        if (!IsBelow(httpContext.Request.Path, ProtocolRoots))
            return Envelope.ErrorAsync(httpContext, ApiErrors.Of(status));
        return OAuthAnswer.WriteAsync(httpContext, status switch
        {
            404 => Errors.NotFound,
            405 => Errors.MethodNotAllowed,
            413 => Errors.BodyTooLarge,
            503 => Errors.Unavailable,
            500 => Errors.Fault,
            _ => Errors.MalformedForm with { Status = (HttpStatusCode)status },
        });
    }

    public (string Name, string Value)[] Describe(KestrelRefusal refusal) =>
        refusal.Path.StartsWith('/') && IsBelow(new PathString(refusal.Path), ProtocolRoots)
            ? [("error", Errors.NotHttp.Code), ("error_description", Errors.NotHttp.Description)]
            : Envelope.Members(ApiErrors.InvalidRequest);

    /// <summary>A person follows a link here; a program that asks for JSON gets JSON.</summary>
    private static bool IsForReaders(HttpContext httpContext) =>
        IsBelow(httpContext.Request.Path, BrowserRoutes) && httpContext.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase);

    private static bool IsBelow(PathString path, string[] roots) => Array.Exists(roots, root => path.StartsWithSegments(root));

    private Task AnswerReaderAsync(HttpContext httpContext, int status) => status switch
    {
        404 => pages.RefuseAsync(httpContext, status, "not_found", issuer.Path + PageRoutes.Account, linkText: "confirmed.link"),
        405 => pages.RefuseAsync(httpContext, status, "method", issuer.Path + PageRoutes.Account, linkText: "confirmed.link"),
        413 => pages.RefuseAsync(httpContext, status, "too_large", link: null),
        503 => pages.RefuseAsync(httpContext, status, "unavailable", link: null, Errors.Unavailable.RetryAfter),
        500 => pages.RefuseAsync(httpContext, status, "fault", link: null),
        _ => pages.RefuseAsync(httpContext, status, "malformed", link: null),
    };
}
