using System.ComponentModel.DataAnnotations;
using ServiceDefaults.Settings;

namespace IdentityServer.Protocol.AuthorizationRequests;

/// <summary>Pushed authorization requests (RFC 9126).</summary>
[Section("PushedRequests")]
internal sealed record PushedRequestSettings
{
    /// <summary>A request that a browser came with in time waits this long, from its last page on, for the user to sign in and decide.</summary>
    public static readonly TimeSpan OpenedLifetime = TimeSpan.FromMinutes(15);

    /// <summary>No request is older than this, however often the browser comes with it (RFC 9126 §2.2).</summary>
    public static readonly TimeSpan LongestLifetime = TimeSpan.FromMinutes(60);

    /// <summary>From the push to the browser's coming with it (§2.2: <c>expires_in</c>).</summary>
    [Range(5, 600)]
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>No client may do without (§5); one alone is held to it by its metadata.</summary>
    [ConfigurationKeyName("Required")]
    public bool IsRequired { get; init; }
}
