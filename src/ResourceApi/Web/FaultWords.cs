using IdentityServer.ResourceServer;
using ServiceDefaults;
using ServiceDefaults.Http;

namespace ResourceApi.Web;

/// <summary>Everything is answered by the envelope.</summary>
internal sealed class FaultWords : IFaultWords
{
    public Task AnswerAsync(HttpContext httpContext, int status) => Envelope.ErrorAsync(httpContext, ApiErrors.Of(status, Refusals.MaximumBody));

    public (string Name, string Value)[] Describe(KestrelRefusal refusal)
    {
        var isOfKey = refusal.IsOfPath && refusal.Path.StartsWith(RawPath.Items + "/", StringComparison.OrdinalIgnoreCase);
        return Envelope.Members(isOfKey ? Refusals.InvalidKey : ApiErrors.InvalidRequest);
    }

    /// <summary>The body of what the package refuses; it has set the headers.</summary>
    public static Task AnswerAsync(HttpContext httpContext, BearerRefusal refusal) => Envelope.ErrorAsync(httpContext, refusal.StatusCode switch
    {
        StatusCodes.Status400BadRequest => ApiErrors.InvalidRequest,
        StatusCodes.Status403Forbidden => Refusals.InsufficientScope,
        StatusCodes.Status503ServiceUnavailable => ApiErrors.ServiceUnavailable,
        _ => ApiErrors.InvalidToken,
    } with { Message = refusal.Description });
}
