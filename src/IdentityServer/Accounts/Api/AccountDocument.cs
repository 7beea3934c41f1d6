using IdentityServer.Accounts.Passwords;
using IdentityServer.Settings;
using Microsoft.OpenApi;
using ServiceDefaults.Http;
using static ServiceDefaults.Http.Describe;

namespace IdentityServer.Accounts.Api;

/// <summary>Describes the account API at <c>/openapi/v1.json</c>. A test compares it with the routes and with real answers.</summary>
internal static class AccountDocument
{
    public static void AddAccountDocument(this IServiceCollection services) => services.AddDocument(
        "IdentityServer account API", "Accounts and first-party sign-in. Refresh tokens are used at /connect/token with client_id=account-api.",
        "An access token of this server.", (document, services) =>
        {
            // Never the address in the request.
            document.Servers = [new OpenApiServer { Url = services.GetRequiredService<IssuerSettings>().At("") }];
            return Write(document, services.GetRequiredService<PasswordSettings>());
        });

    private static OpenApiPaths Write(OpenApiDocument document, PasswordSettings passwords) => new()
    {
        [AccountRoutes.ApiRegister] = Post(RegisterWithProfile(passwords)),
        [AccountRoutes.Register] = Post(Register("register", passwords)),
        [AccountRoutes.AuthRegister] = Post(Register("authRegister", passwords)),
        [AccountRoutes.ApiToken] = Post(SignIn("apiToken", passwords)),
        [AccountRoutes.AuthToken] = Post(SignIn("authToken", passwords)),
        [AccountRoutes.Login] = Post(SignIn("login", passwords)),
        [AccountRoutes.AuthLogin] = Post(SignIn("authLogin", passwords)),
        [AccountRoutes.Logout] = Post(Logout("logout", document)),
        [AccountRoutes.AuthLogout] = Post(Logout("authLogout", document)),
        [AccountRoutes.ChangePassword] = Post(ChangePassword(document, passwords)),
        [AccountRoutes.ResetPassword] = Post(ResetPassword(passwords)),
    };

    private static OpenApiOperation RegisterWithProfile(PasswordSettings passwords) => Call(
        "apiRegister", "Registers an account with its profile.",
        Object(
            Required("username", UserName), Required("email", Email), Required("password", NewPassword(passwords)),
            Required("full_name", FullName), Required("gender", Gender), Optional("age", Age)),
        Registered, Error([.. RegistrationCodes, AccountErrors.GenderRequired]));

    private static OpenApiOperation Register(string id, PasswordSettings passwords) => Call(
        id, "Registers an account. One of username and email is required; an e-mail address alone is the user name too.",
        Object(
            Optional("username", UserName), Optional("email", Email), Required("password", NewPassword(passwords)),
            Optional("full_name", FullName), Optional("gender", Gender), Optional("age", Age)),
        Registered, Error(RegistrationCodes));

    private static OpenApiOperation SignIn(string id, PasswordSettings passwords) => Call(
        id, "Signs in with a password and a user name or an e-mail address, one of which is required.",
        Object(Optional("username", Text("A user name or an e-mail address.")), Optional("email", Text("In place of username.")), Required("password", Password(passwords))),
        Success("200", "Signed in.", Object(
            Required("access_token", Text("A JWT by RFC 9068.")), Required("expires_in", Seconds), Required("token_type", Constant("Bearer")),
            Required("refresh_token", Text("For /connect/token with client_id=account-api.")))),
        Error(ApiErrors.InvalidRequest, AccountErrors.SignInMissing), Error(AccountErrors.InvalidCredentials));

    private static OpenApiOperation Logout(string id, OpenApiDocument document) => Call(
        id, "Ends the grant behind the access token, with its access and refresh tokens; a client's own token alone.", body: null,
        Success("200", "Ended.", data: null), Error(AccountErrors.InvalidToken)).WithToken(document);

    private static OpenApiOperation ChangePassword(OpenApiDocument document, PasswordSettings passwords) => Call(
        "changePassword", "Changes the password. Every other grant of the user ends; this one goes on with a new refresh token.",
        Object(Required("current_password", Password(passwords)), Required("new_password", NewPassword(passwords))),
        Success("200", "Changed. There is no data when another client's grant, made without offline_access, goes on.",
            Object(Required("refresh_token", Text("In place of the one before."))), isAlways: false),
        Error(ApiErrors.InvalidRequest, AccountErrors.PasswordsMissing, AccountErrors.InvalidPassword("")),
        Error(AccountErrors.InvalidToken, AccountErrors.InvalidCredentials)).WithToken(document);

    private static OpenApiOperation ResetPassword(PasswordSettings passwords) => Call(
        "resetPassword", "With an e-mail address alone: asks for a reset token by mail. With the token and a new password: resets it, and every grant of the user ends.",
        Object(Required("email", Text("The account's address.")), Optional("reset_token", Text("From the message; good once.")), Optional("new_password", NewPassword(passwords))),
        Success("200", "Reset.", data: null),
        Success("202", "Asked for; the same whether the account exists.", data: null),
        Error(ApiErrors.InvalidRequest, AccountErrors.ResetMissing, AccountErrors.InvalidPassword(""), AccountErrors.InvalidResetToken));

    private static ApiError[] RegistrationCodes =>
    [
        ApiErrors.InvalidRequest, AccountErrors.UserNameExists, AccountErrors.EmailExists, AccountErrors.InvalidPassword(""),
        AccountErrors.InvalidAge, AccountErrors.InvalidUserName, AccountErrors.InvalidEmail,
    ];

    private static (string, OpenApiResponse) Registered => Success("201", "Registered.", Object(
        Required("user_id", new OpenApiSchema { Type = JsonSchemaType.String, Format = "uuid" }),
        Required("username", Text("As given; the e-mail address when none was.")),
        Required("email", OrNull(Email)), Required("full_name", OrNull(FullName)), Required("age", OrNull(Age)), Required("gender", OrNull(Gender)),
        Required("access_token", Text("A JWT by RFC 9068.")), Required("token_type", Constant("Bearer")), Required("expires_in", Seconds)));

    private static OpenApiSchema UserName => Text("1 to 64 code points, without @, white space at its ends, control and invisible characters.", 1, NameRules.MaximumUserNameLength);

    private static OpenApiSchema Email => Text("An e-mail address.", 3, NameRules.MaximumEmailLength);

    private static OpenApiSchema FullName => Text("Without control and invisible characters.", 1, NameRules.MaximumFullNameLength);

    private static OpenApiSchema Gender => Text("In the account's own words.", 1, NameRules.MaximumGenderLength);

    private static OpenApiSchema Age => Integer(minimum: 1, maximum: RegistrationRules.MaximumAge);

    private static OpenApiSchema Seconds => Integer("Seconds.");

    private static OpenApiSchema NewPassword(PasswordSettings passwords) =>
        Text(new PasswordPolicy(passwords, new CommonPasswords(passwords)).Requirements, passwords.MinimumLength, passwords.MaximumLength);

    private static OpenApiSchema Password(PasswordSettings passwords) => Text("As typed.", 1, passwords.MaximumLength);

    private static OpenApiSchema OrNull(OpenApiSchema schema)
    {
        schema.Type |= JsonSchemaType.Null;
        return schema;
    }

    private static OpenApiPathItem Post(OpenApiOperation operation) => Path((HttpMethod.Post, operation));

    private static OpenApiOperation Call(string id, string summary, OpenApiSchema? body, params (string, OpenApiResponse)[] answers) =>
        Operation(id, summary, [.. answers, Error(ApiErrors.TooManyRequests), Error(ApiErrors.InternalError), Error(ApiErrors.ServiceUnavailable)], body);
}
