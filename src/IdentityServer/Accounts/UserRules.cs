using IdentityServer.Accounts.Passwords;
using IdentityServer.Storage;
using Microsoft.AspNetCore.Identity;

namespace IdentityServer.Accounts;

/// <summary>Applies our rules to every user stored through ASP.NET Core Identity.</summary>
internal sealed class UserRules : IUserValidator<User>
{
    public Task<IdentityResult> ValidateAsync(UserManager<User> manager, User user)
    {
        var isNamedByEmail = user.Email is not null && user.UserName == user.Email;
        var isValid = user.UserName is not null && (isNamedByEmail || NameRules.IsUserName(user.UserName))
            && (user.Email is null || NameRules.IsEmail(user.Email));
        return Task.FromResult(isValid
            ? IdentityResult.Success
            : IdentityResult.Failed(new IdentityError { Code = "InvalidName", Description = "The user name or e-mail address breaks a rule." }));
    }
}
