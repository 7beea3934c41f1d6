using System.Net;

namespace IdentityServer.Outbound;

/// <summary>The result of a request to an address that a client registered.</summary>
/// <param name="Failure">Why there is no answer, in our own words, for the log; null: there is one.</param>
/// <param name="MediaType">Lower case, without parameters; null: not stated.</param>
/// <param name="MaxAge">How long the answer may be cached (RFC 9111 §5.2.2.1); null: not stated; zero: not at all.</param>
internal sealed record OutboundAnswer(string? Failure, HttpStatusCode Status, string? MediaType, TimeSpan? MaxAge, byte[] Body)
{
    public bool IsSuccess => Failure is null && (int)Status is >= 200 and < 300;

    public static OutboundAnswer Failed(string why) => new(why, 0, null, null, []);
}
