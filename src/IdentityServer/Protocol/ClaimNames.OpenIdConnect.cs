namespace IdentityServer.Protocol;

// OpenID Connect Core §2, §5.1
public static partial class ClaimNames
{
    public const string Nonce = "nonce";
    public const string SessionId = "sid";
    public const string AuthenticationContext = "acr";
    public const string AuthenticationMethods = "amr";
    public const string AccessTokenHash = "at_hash";

    public const string Name = "name";
    public const string PreferredUserName = "preferred_username";
    public const string Gender = "gender";
    public const string UpdatedAt = "updated_at";
    public const string Email = "email";
    public const string EmailVerified = "email_verified";
    public const string PhoneNumber = "phone_number";
    public const string PhoneNumberVerified = "phone_number_verified";
    public const string Address = "address";
}
