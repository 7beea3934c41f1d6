using Hosting;
using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.Net.Http.Headers;

namespace ResourceApi.Settings;

/// <summary>Which web pages may call this API from a browser: <c>Cors:Origins</c>, a list; a port may be <c>*</c>.</summary>
internal sealed class CorsOrigins
{
    private const string Setting = "Cors:Origins";
    private const string AnyPort = ":*";

    private readonly HashSet<string> _exact = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<string> _ofAnyPort = [];
    private bool _any;

    public static CorsOrigins Read(IConfiguration configuration)
    {
        var section = configuration.GetSection(Setting);
        // An environment variable is one text, a file may have an array.
        var listed = section.Value is { } text
            ? text.Split([' ', ',', ';'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            : section.GetChildren().Select(child => child.Value ?? "");

        var origins = new CorsOrigins();
        foreach (var origin in listed)
            origins.Add(origin);
        return origins;
    }

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
            throw new StartupException($"{Setting} holds \"{origin}\"; it may hold origins such as https://app.example.com or http://localhost:*, or * alone.");
    }

    private static bool IsOrigin(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.GetLeftPart(UriPartial.Authority).Equals(text, StringComparison.OrdinalIgnoreCase);

    private static bool IsWithPort(string origin, string prefix) =>
        origin.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)
        && (origin.Length == prefix.Length
            || (origin[prefix.Length] == ':' && origin.Length > prefix.Length + 1 && !origin.AsSpan(prefix.Length + 1).ContainsAnyExceptInRange('0', '9')));
}
