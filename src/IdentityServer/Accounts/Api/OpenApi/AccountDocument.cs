using IdentityServer.Accounts.Passwords;
using IdentityServer.Http;
using IdentityServer.Settings;
using Microsoft.OpenApi;
using static IdentityServer.Accounts.Api.OpenApi.Describe;

namespace IdentityServer.Accounts.Api.OpenApi;

/// <summary>Describes the account API at <c>/openapi/v1.json</c>. A test compares it with the routes and with real answers.</summary>
internal static class AccountDocument
{
    public static void AddAccountDocument(this IServiceCollection services) => services.AddOpenApi("v1", options =>
    {
        // The endpoints use no model binding that could be inspected, so they are described here by hand.
        options.ShouldInclude = _ => false;
        options.AddDocumentTransformer((document, context, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "IdentityServer account API",
                Version = "v1",
                Description = "Accounts and first-party sign-in. Refresh tokens are used at /connect/token with client_id=account-api.",
            };
            // Never the address in the request.
            document.Servers = [new OpenApiServer { Url = context.ApplicationServices.GetRequiredService<IssuerSettings>().At("") }];
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
            {
                [BearerScheme] = new OpenApiSecurityScheme
                {
                    Type = SecuritySchemeType.Http,
                    Scheme = "bearer",
                    BearerFormat = "JWT (RFC 9068)",
                    Description = "An access token of this server.",
                },
            };
            document.Paths = Write(document, context.ApplicationServices.GetRequiredService<PasswordSettings>());
            return Task.CompletedTask;
        });
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

    private static OpenApiOperation RegisterWithProfile(PasswordSettings passwords) => Operation(
        "apiRegister", "Registers an account with its profile.",
        Body(
            Required("username", UserName), Required("email", Email), Required("password", NewPassword(passwords)),
            Required("full_name", FullName), Required("gender", Gender), Optional("age", Age)),
        Registered, Bad([.. RegistrationCodes, AccountErrors.GenderRequired]), TooMany);

    private static OpenApiOperation Register(string id, PasswordSettings passwords) => Operation(
        id, "Registers an account. One of username and email is required; an e-mail address alone is the user name too.",
        Body(
            Optional("username", UserName), Optional("email", Email), Required("password", NewPassword(passwords)),
            Optional("full_name", FullName), Optional("gender", Gender), Optional("age", Age)),
        Registered, Bad(RegistrationCodes), TooMany);

    private static OpenApiOperation SignIn(string id, PasswordSettings passwords) => Operation(
        id, "Signs in with a password and a user name or an e-mail address, one of which is required.",
        Body(Optional("username", Text("A user name or an e-mail address.")), Optional("email", Text("In place of username.")), Required("password", Password(passwords))),
        Success("200", "Signed in.", Object(
            Required("access_token", Text("A JWT by RFC 9068.")), Required("expires_in", Seconds), Required("token_type", Constant("Bearer")),
            Required("refresh_token", Text("For /connect/token with client_id=account-api.")))),
        Bad([ApiErrors.InvalidRequest, AccountErrors.SignInMissing]), Error("401", AccountErrors.InvalidCredentials), TooMany);

    private static OpenApiOperation Logout(string id, OpenApiDocument document) => WithToken(document, Operation(
        id, "Ends the grant behind the access token, with its access and refresh tokens; a client's own token alone.", body: null,
        Success("200", "Ended.", data: null), Unauthorized(ApiErrors.InvalidToken), TooMany));

    private static OpenApiOperation ChangePassword(OpenApiDocument document, PasswordSettings passwords) => WithToken(document, Operation(
        "changePassword", "Changes the password. Every other grant of the user ends; this one goes on with a new refresh token.",
        Body(Required("current_password", Password(passwords)), Required("new_password", NewPassword(passwords))),
        Success("200", "Changed. There is no data when another client's grant, made without offline_access, goes on.",
            Object(Required("refresh_token", Text("In place of the one before."))), isAlways: false),
        Bad([ApiErrors.InvalidRequest, AccountErrors.PasswordsMissing, AccountErrors.InvalidPassword("")]),
        Unauthorized(ApiErrors.InvalidToken, AccountErrors.InvalidCredentials), TooMany));

    private static OpenApiOperation ResetPassword(PasswordSettings passwords) => Operation(
        "resetPassword", "With an e-mail address alone: asks for a reset token by mail. With the token and a new password: resets it, and every grant of the user ends.",
        Body(Required("email", Text("The account's address.")), Optional("reset_token", Text("From the message; good once.")), Optional("new_password", NewPassword(passwords))),
        Success("200", "Reset.", data: null),
        Success("202", "Asked for; the same whether the account exists.", data: null),
        Bad([ApiErrors.InvalidRequest, AccountErrors.ResetMissing, AccountErrors.InvalidPassword(""), AccountErrors.InvalidResetToken]), TooMany);

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

    private static OpenApiSchema Age => new() { Type = JsonSchemaType.Integer, Format = "int32", Minimum = "1", Maximum = $"{RegistrationRules.MaximumAge}" };

    private static OpenApiSchema Seconds => new() { Type = JsonSchemaType.Integer, Format = "int32", Description = "Seconds." };

    private static OpenApiSchema NewPassword(PasswordSettings passwords) =>
        Text(new PasswordPolicy(passwords, new CommonPasswords(passwords)).Requirements, passwords.MinimumLength, passwords.MaximumLength);

    private static OpenApiSchema Password(PasswordSettings passwords) => Text("As typed.", 1, passwords.MaximumLength);
}
