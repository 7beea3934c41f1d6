using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace ServiceDefaults.Http;

/// <summary>The header <c>Retry-After</c> (RFC 9110 §10.2.3).</summary>
internal static class RetryAfter
{
    /// <summary>Where nobody can say when it is better.</summary>
    public static readonly TimeSpan Shortly = TimeSpan.FromSeconds(1);

    /// <summary>In whole seconds, rounded up, one at least; nothing where there is no wait to tell.</summary>
    public static void TellWait(this HttpResponse response, TimeSpan? wait)
    {
        if (wait is { } time)
            response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(time.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
    }
}
