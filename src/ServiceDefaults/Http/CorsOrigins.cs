using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.Extensions.Hosting;
using Microsoft.Net.Http.Headers;
using ServiceDefaults.Settings;

namespace ServiceDefaults.Http;

/// <summary>Which web pages may call from a browser. Credentials travel in headers and bodies, never in cookies.</summary>
[Section("Cors")]
internal sealed class CorsOrigins : ICheckedSettings
{
    private const string Any = "*";
    private const string AnyPort = ":*";

    /// <summary>A port may be <c>*</c>: any, the scheme's own included. Null: not set.</summary>
    public string[]? Origins { get; set; }

    public void Check(SettingsReader settings)
    {
        Origins ??= settings.Environment.IsDevelopment() ? ["http://localhost:*"] : [];
        if (Array.Find(Origins, origin => origin != Any && !IsOrigin(WithoutPort(origin))) is { } wrong)
            throw SettingsReader.Impossible("Cors:Origins", wrong, "origins such as https://app.example.com or http://localhost:*, or * alone");
    }

    public void Allow(CorsPolicyBuilder policy, params string[] methods) => policy
        .SetIsOriginAllowed(origin => Array.Exists(Origins!, allowed => IsMatch(allowed, origin)))
        .WithMethods(methods)
        .AllowAnyHeader()
        .WithExposedHeaders(HeaderNames.ETag, HeaderNames.Location, HeaderNames.WWWAuthenticate, HeaderNames.RetryAfter, "DPoP-Nonce")
        .SetPreflightMaxAge(TimeSpan.FromHours(1));

    private static string WithoutPort(string origin) => origin.EndsWith(AnyPort, StringComparison.Ordinal) ? origin[..^AnyPort.Length] : origin;

    /// <summary>As browsers send it: without the scheme's own port.</summary>
    private static bool IsOrigin(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.UserInfo.Length == 0
        && uri.GetLeftPart(UriPartial.Authority).Equals(text, StringComparison.OrdinalIgnoreCase);

    private static bool IsMatch(string allowed, string origin)
    {
        var host = WithoutPort(allowed);
        if (allowed == Any || host.Equals(origin, StringComparison.OrdinalIgnoreCase))
            return true;
        return host.Length < allowed.Length && origin.StartsWith(host + ":", StringComparison.OrdinalIgnoreCase)
            && origin.AsSpan(host.Length + 1) is { IsEmpty: false } port && !port.ContainsAnyExceptInRange('0', '9');
    }
}
