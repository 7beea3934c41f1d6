using IdentityServer.Accounts.Passwords;
using ServiceDefaults.Http;

namespace IdentityServer.Accounts;

/// <summary>A registration that satisfies every rule; only the database knows whether its names are free.</summary>
/// <param name="IsNamedByEmail">No user name was given, so the e-mail address is used.</param>
internal sealed record Registration(
    string UserName, bool IsNamedByEmail, string? Email, string Password, string? FullName, int? Age, string? Gender);

/// <summary>
/// Reads registrations. Types are checked first, then what is required, then each member in a fixed order, so that
/// one body always gets one code.
/// </summary>
internal sealed class RegistrationRules(PasswordPolicy policy)
{
    /// <summary>A higher age is a mistake.</summary>
    public const int MaximumAge = 150;

    /// <summary>The most characters of the number as written.</summary>
    private const int MaximumAgeLength = 28;

    /// <param name="asksProfile">Whether the whole profile is required (<c>/api/register</c>).</param>
    public ApiResult<Registration> Read(JsonBody body, bool asksProfile)
    {
        if (!body.TryRead("username", out var userName) || !body.TryRead("email", out var email) || !body.TryRead("password", out var password)
            || !body.TryRead("full_name", out var fullName) || !body.TryRead("gender", out var gender))
            return AccountErrors.WrongType;

        if (asksProfile)
        {
            if (userName is null || email is null || password is null || string.IsNullOrWhiteSpace(fullName))
                return AccountErrors.ProfileRequired;
            if (string.IsNullOrWhiteSpace(gender))
                return AccountErrors.GenderRequired;
        }
        else
        {
            // A form sends empty fields as empty strings.
            (userName, email, fullName, gender) = (Given(userName), Given(email), Given(fullName), Given(gender));
            if (password is null || (userName is null && email is null))
                return AccountErrors.LoginRequired;
        }

        if (!TryReadAge(body, out var age))
            return AccountErrors.InvalidAge;
        var problem = Problems(userName, email, password, fullName, gender).FirstOrDefault();
        return problem is not null ? problem : new Registration(userName ?? email!, userName is null, email, password, fullName, age, gender);
    }

    /// <summary>All errors of the given members, in a fixed order.</summary>
    public IEnumerable<ApiError> Problems(string? userName, string? email, string password, string? fullName, string? gender)
    {
        if (userName is not null && !NameRules.IsUserName(userName))
            yield return AccountErrors.InvalidUserName;
        if (email is not null && !NameRules.IsEmail(email))
            yield return AccountErrors.InvalidEmail;
        if (fullName is not null && !NameRules.IsLine(fullName, NameRules.MaximumFullNameLength))
            yield return AccountErrors.InvalidProfile;
        if (gender is not null && !NameRules.IsLine(gender, NameRules.MaximumGenderLength))
            yield return AccountErrors.InvalidProfile;
        if (policy.Refuse(password, userName, email) is { } asked)
            yield return AccountErrors.InvalidPassword(asked);
    }

    private static string? Given(string? text) => string.IsNullOrEmpty(text) ? null : text;

    private static bool TryReadAge(JsonBody body, out int? age)
    {
        age = null;
        if (body.Find("age") is not { } member)
            return true;
        // JSON has one kind of number (RFC 8259 §6): 30.0 and 3e1 are 30. A decimal drops digits beyond its 28, and could take a fraction for a whole number.
        if (member.ValueKind != System.Text.Json.JsonValueKind.Number || member.GetRawText().Length > MaximumAgeLength
            || !member.TryGetDecimal(out var number) || number is < 1 or > MaximumAge || !decimal.IsInteger(number))
            return false;
        age = (int)number;
        return true;
    }
}
