namespace IdentityServer.Pages;

/// <summary>The form for typing a device's code.</summary>
/// <param name="UserCode">What was typed before.</param>
/// <param name="Mistake">The error in it.</param>
public sealed record DeviceEntryModel(string? UserCode, string? Mistake);

/// <summary>Who asks, for what, and by which code: the user compares it with the one on the device (RFC 8628 §5.4).</summary>
/// <param name="UserCode">As the device shows it.</param>
/// <param name="Permissions">The scopes in words.</param>
/// <param name="UserName">The user who would be signed in there.</param>
public sealed record DeviceConsentModel(string UserCode, string ClientName, IReadOnlyList<string> Permissions, string UserName);
