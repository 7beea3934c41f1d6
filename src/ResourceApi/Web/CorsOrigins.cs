using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.Net.Http.Headers;
using ServiceDefaults.Settings;

namespace ResourceApi.Web;

/// <summary>Which web pages may call this API from a browser: a list; a port may be <c>*</c>.</summary>
[Section("Cors")]
internal sealed class CorsOrigins : ICheckedSettings
{
    private const string AnyPort = ":*";

    private readonly HashSet<string> _exact = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<string> _ofAnyPort = [];
    private bool _any;

    public string[] Origins { get; init; } = [];

    public void Check(SettingsReader settings) => Array.ForEach(Origins, Add);

    public void Configure(CorsPolicyBuilder policy) => policy
        .SetIsOriginAllowed(Allows)
        .WithMethods(HttpMethods.Get, HttpMethods.Head, HttpMethods.Post, HttpMethods.Put, HttpMethods.Delete)
        .AllowAnyHeader()
        .WithExposedHeaders(HeaderNames.ETag, HeaderNames.Location, HeaderNames.WWWAuthenticate, HeaderNames.RetryAfter, "DPoP-Nonce")
        .SetPreflightMaxAge(TimeSpan.FromMinutes(10));

    public bool Allows(string origin) =>
        _any || _exact.Contains(origin) || _ofAnyPort.Exists(prefix => IsWithPort(origin, prefix));

    private void Add(string origin)
    {
        if (origin == "*")
            _any = true;
        else if (origin.EndsWith(AnyPort, StringComparison.Ordinal) && IsOrigin(origin[..^AnyPort.Length]))
            _ofAnyPort.Add(origin[..^AnyPort.Length]);
        else if (IsOrigin(origin))
            _exact.Add(origin);
        else
            throw new StartupException($"Cors:Origins holds \"{origin}\"; it may hold origins such as https://app.example.com or http://localhost:*, or * alone.");
    }

    private static bool IsOrigin(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.GetLeftPart(UriPartial.Authority).Equals(text, StringComparison.OrdinalIgnoreCase);

    private static bool IsWithPort(string origin, string prefix) =>
        origin.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)
        && (origin.Length == prefix.Length
            || (origin[prefix.Length] == ':' && origin.Length > prefix.Length + 1 && !origin.AsSpan(prefix.Length + 1).ContainsAnyExceptInRange('0', '9')));
}
