namespace IdentityServer.Accounts.Pages;

/// <param name="Notice">A success to report.</param>
/// <param name="IsEmailConfirmed">Also true if there is no address to confirm.</param>
public sealed record AccountModel(string UserName, string? FullName, string? Email, bool IsEmailConfirmed, DateTimeOffset CreatedAt, string? Notice);

/// <param name="Values">By field; empty ones are left out.</param>
/// <param name="Errors">By field.</param>
public sealed record ProfileModel(IReadOnlyDictionary<string, string> Values, IReadOnlyDictionary<string, string> Errors, string? Notice)
{
    public string? ValueOf(string field) => Values.GetValueOrDefault(field);
    public string? ErrorOf(string field) => Errors.GetValueOrDefault(field);
}

public sealed record ChangePasswordModel(string UserName, string PasswordHint, string? Error, string? CurrentError, string? NewError, string? Notice);

public sealed record SessionsModel(IReadOnlyList<ShownSession> Sessions, string? Notice);

/// <param name="Device">In words.</param>
/// <param name="IsThis">Whether it is the browser that asks.</param>
public sealed record ShownSession(Guid Id, string Device, string? Address, DateTimeOffset SignedInAt, DateTimeOffset ExpiresAt, bool IsThis);

public sealed record ApplicationsModel(IReadOnlyList<ShownApplication> Applications, string? Notice);

/// <param name="Scopes">In words.</param>
public sealed record ShownApplication(string ClientId, string Name, IReadOnlyList<string> Scopes, DateTimeOffset Since);
