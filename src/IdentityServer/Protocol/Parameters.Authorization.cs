namespace IdentityServer.Protocol;

// RFC 6749 §4.1, RFC 7636 §4, RFC 8707 §2, RFC 9207 §2, RFC 9449 §10, OpenID Connect Core §3.1.2.1
public static partial class Parameters
{
    public const string ResponseType = "response_type";
    public const string ResponseMode = "response_mode";
    public const string RedirectUri = "redirect_uri";
    public const string State = "state";
    public const string Nonce = "nonce";
    public const string Prompt = "prompt";
    public const string MaxAge = "max_age";
    public const string LoginHint = "login_hint";
    public const string IdTokenHint = "id_token_hint";
    public const string UiLocales = "ui_locales";
    public const string Claims = "claims";
    public const string Request = "request";
    public const string RequestUri = "request_uri";
    public const string Resource = "resource";
    public const string DpopThumbprint = "dpop_jkt";
    public const string Code = "code";
    public const string CodeChallenge = "code_challenge";
    public const string CodeVerifier = "code_verifier";
    public const string Issuer = "iss";
    public const string Error = "error";
    public const string ErrorDescription = "error_description";
    public const string IdToken = "id_token";
}
