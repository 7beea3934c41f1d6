using System.Net;
using IdentityServer.Protocol;
using ServiceDefaults.Http;

namespace IdentityServer.Accounts;

/// <summary>The account API's own refusals; those of every route are in <see cref="ApiErrors"/>.</summary>
internal static class AccountErrors
{
    /// <summary>RFC 6750 §3.1: one who came with a dead token is told so.</summary>
    public static readonly ApiError InvalidToken = ApiErrors.InvalidToken with { Challenge = "Bearer realm=\"IdentityServer\", error=\"invalid_token\"" };

    /// <summary>RFC 6750 §3.1: one who came without is not told of an error.</summary>
    public static readonly ApiError TokenMissing = InvalidToken with { Challenge = "Bearer realm=\"IdentityServer\"" };

    public static readonly ApiError WrongType = ApiErrors.InvalidRequest with { Message = "A member of the body is not of the type that it must have." };

    public static readonly ApiError ProfileRequired = ApiErrors.InvalidRequest with { Message = "The members username, email, password and full_name are required." };
    public static readonly ApiError LoginRequired = ApiErrors.InvalidRequest with { Message = "The member password and one of username and email are required." };
    public static readonly ApiError InvalidProfile = ApiErrors.InvalidRequest with { Message = "full_name may have 200 characters, gender 50, without control and invisible ones." };

    public static readonly ApiError GenderRequired = Bad("GENDER_REQUIRED", "The member gender is required.");
    public static readonly ApiError InvalidAge = Bad("INVALID_AGE", "age must be a whole number from 1 to 150.");
    public static readonly ApiError InvalidUserName = Bad("INVALID_USERNAME", "A user name has 1 to 64 characters, without @, white space at its ends, control and invisible characters.");
    public static readonly ApiError InvalidEmail = Bad("INVALID_EMAIL", "The e-mail address is malformed or longer than 254 characters.");
    public static readonly ApiError UserNameExists = Bad("USERNAME_EXISTS", "This user name is taken.");
    public static readonly ApiError EmailExists = Bad("EMAIL_EXISTS", "An account with this e-mail address exists.");

    public static readonly ApiError SignInMissing = Bad("MISSING_FIELDS", "The member password and one of username and email are required and may not be empty.");
    public static readonly ApiError PasswordsMissing = Bad("MISSING_FIELDS", "The members current_password and new_password are required and may not be empty.");
    public static readonly ApiError ResetMissing = Bad("MISSING_FIELDS", "The member email is required to ask for a reset; email, reset_token and new_password to make it.");

    /// <summary>The same for unknown, wrong, locked and disabled.</summary>
    public static readonly ApiError InvalidCredentials = new("INVALID_CREDENTIALS", "The user name or the password is wrong.", HttpStatusCode.Unauthorized)
    {
        // RFC 9110 §15.5.2: a 401 says how to authenticate.
        Challenge = TokenMissing.Challenge,
    };

    public static readonly ApiError InvalidResetToken = Bad("INVALID_RESET_TOKEN", "The reset token is wrong, used or expired.");

    /// <param name="requirements">All requirements of the policy.</param>
    public static ApiError InvalidPassword(string requirements) => Bad("INVALID_PASSWORD", requirements);

    public static ApiError TooManyRequests(OAuthError limit) => ApiErrors.TooManyRequests with { RetryAfter = limit.RetryAfter };

    private static ApiError Bad(string code, string message) => new(code, message, HttpStatusCode.BadRequest);
}
