using System.Net;
using IdentityServer.Clients;
using IdentityServer.Protocol.Jwt;
using IdentityServer.Protocol.Tokens;
using OpenIddict.Abstractions;
using OpenIddict.Server;

namespace IdentityServer.Protocol.Pipeline;

/// <summary>What the handlers of a request have found so far, for later handlers. It is kept with OpenIddict's transaction.</summary>
internal sealed class ProtocolRequest(HttpContext httpContext)
{
    private const string Key = "identityserver";

    private Dictionary<Type, object>? _kept;

    private OAuthParameters? _parameters;
    private Client? _client;
    private Issuance? _issuance;
    private IssuedAccessToken? _accessToken;

    public HttpContext Http { get; } = httpContext;

    /// <summary>Whether the rate limit has counted the request.</summary>
    public bool IsCounted { get; set; }

    /// <summary>The form, if it was read before the pipeline came to it.</summary>
    public Result<OAuthParameters>? Form { get; set; }

    /// <summary>What came of the client's authentication, if that was done before the pipeline came to it.</summary>
    public Result<ProvenClient>? Proven { get; set; }

    /// <summary>What the grant said, if it was asked before the pipeline came to it.</summary>
    public Result<Issuance>? Answer { get; set; }

    public OAuthParameters Parameters { get => Known(_parameters); set => _parameters = value; }

    /// <summary>The client, once it is authenticated.</summary>
    public Client Client { get => Known(_client); set => _client = value; }

    public bool HasClient => _client is not null;

    /// <summary>The assertion that authenticated the client, not yet used up; null: it needed none, or it is used up.</summary>
    public JwtClaims? ClientAssertion { get; set; }

    /// <summary>The resources that the request names (RFC 8707); empty: none.</summary>
    public Resource[] Resources { get; set; } = [];

    /// <summary>The key that the request proves possession of (RFC 9449 §5).</summary>
    public string? DpopThumbprint { get; set; }

    /// <summary>The certificate that the client's tokens are to be bound to (RFC 8705 §3).</summary>
    public string? CertificateThumbprint { get; set; }

    public Issuance Issuance { get => Known(_issuance); set => _issuance = value; }

    public IssuedAccessToken AccessToken { get => Known(_accessToken); set => _accessToken = value; }

    /// <summary>The claims of the request's access token, once it is known to be genuine and alive.</summary>
    public JwtClaims? TokenClaims { get; set; }

    /// <summary>Whether the access token was sent with the scheme for key-bound tokens (RFC 9449 §7.1).</summary>
    public bool IsByDpop { get; set; }

    /// <summary>Null if none of our handlers refused the request.</summary>
    public OAuthError? Refusal { get; private set; }

    public static ProtocolRequest Of(OpenIddictServerEvents.BaseContext context) => (ProtocolRequest)context.Transaction.Properties[Key]!;

    public void AttachTo(OpenIddictServerTransaction transaction) => transaction.Properties[Key] = this;

    /// <summary>Rejects the request and keeps the error's status, which OpenIddict's rejections don't carry.</summary>
    public void Refuse(OpenIddictServerEvents.BaseValidatingContext context, OAuthError error)
    {
        Refusal = error;
        context.Reject(error.Code, error.Description);
    }

    /// <summary>Why the request is refused, by one of our handlers or by OpenIddict.</summary>
    public OAuthError RefusalIn(OpenIddictResponse response) => Refusal ?? new OAuthError(
        response.Error!, response.ErrorDescription ?? "", response.Error == OAuthErrorCodes.InvalidClient ? HttpStatusCode.Unauthorized : HttpStatusCode.BadRequest);

    /// <summary>State shared by the handlers of one endpoint only.</summary>
    public void Keep<T>(T value)
        where T : class => (_kept ??= [])[typeof(T)] = value;

    /// <summary>Null: no handler has set one.</summary>
    public T? Find<T>()
        where T : class => _kept?.GetValueOrDefault(typeof(T)) as T;

    private static T Known<T>(T? value)
        where T : class => value ?? throw new InvalidOperationException($"No handler has set the {typeof(T).Name} of this request yet.");
}
