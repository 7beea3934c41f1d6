using IdentityServer.Accounts.Api;
using IdentityServer.Accounts.Api.OpenApi;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Http;
using IdentityServer.Outbox;
using IdentityServer.Storage;
using Microsoft.AspNetCore.Identity;
using ServiceDefaults.Settings;

namespace IdentityServer.Accounts;

/// <summary>The account API: JSON in and out, for people and first-party programs.</summary>
internal static class AccountServices
{
    public static void AddAccounts(this IServiceCollection services, SettingsReader settings)
    {
        // Before Identity adds its own validator, which queries the database for free names and allows only ASCII.
        services.AddScoped<IUserValidator<User>, UserRules>();
        services.AddIdentityCore<User>().AddRoles<Role>().AddEntityFrameworkStores<AuthDb>();
        // A taken name is a normal answer, not an error for the log.
        services.AddLogging(logging => logging.AddFilter("Microsoft.EntityFrameworkCore.Update", LogLevel.None));

        services.AddSettings<ResetTokenSettings>(settings);
        services.AddSingleton<CommonPasswords>();
        services.AddSingleton<PasswordPolicy>();
        services.AddSingleton<PasswordHashing>();
        services.AddSingleton<PasswordStore>();
        services.AddSingleton<BearerAuthentication>();
        services.AddSingleton<RegistrationRules>();
        services.AddSingleton<NewAccounts>();
        services.AddSingleton<RegisterEndpoint>();
        services.AddSingleton<SignInEndpoint>();
        services.AddSingleton<LogoutEndpoint>();
        services.AddSingleton<ChangePasswordEndpoint>();
        services.AddSingleton<PasswordResets>();
        services.AddSingleton<ResetPasswordEndpoint>();
        services.AddDelivery<ResetRequests>();
        services.AddAccountDocument();
    }

    public static void MapAccounts(this WebApplication app)
    {
        var services = app.Services;
        var register = services.GetRequiredService<RegisterEndpoint>();
        Map(app, register.RegisterWithProfileAsync, AccountRoutes.ApiRegister);
        Map(app, register.RegisterAsync, AccountRoutes.Register, AccountRoutes.AuthRegister);
        Map(app, services.GetRequiredService<SignInEndpoint>().SignInAsync,
            AccountRoutes.ApiToken, AccountRoutes.AuthToken, AccountRoutes.Login, AccountRoutes.AuthLogin);
        Map(app, services.GetRequiredService<LogoutEndpoint>().LogoutAsync, AccountRoutes.Logout, AccountRoutes.AuthLogout);
        Map(app, services.GetRequiredService<ChangePasswordEndpoint>().ChangeAsync, AccountRoutes.ChangePassword);
        Map(app, services.GetRequiredService<ResetPasswordEndpoint>().ResetAsync, AccountRoutes.ResetPassword);
        app.MapOpenApi().RequireCors(CorsServices.Policy);
    }

    private static void Map(WebApplication app, Func<HttpContext, Task<ApiResult<ApiSuccess>>> answer, params ReadOnlySpan<string> paths)
    {
        RequestDelegate handle = async httpContext =>
        {
            var result = await answer(httpContext);
            await (result.IsRefused
                ? Envelope.ErrorAsync(httpContext, result.Error)
                : Envelope.SuccessAsync(httpContext, result.Value.Status, result.Value.Message, result.Value.Data));
        };
        foreach (var path in paths)
            app.MapPost(path, handle).RequireCors(CorsServices.Policy);
    }
}
