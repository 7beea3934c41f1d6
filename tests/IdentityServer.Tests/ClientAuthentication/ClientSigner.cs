using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using IdentityServer.Tests.Hosting;

namespace IdentityServer.Tests.ClientAuthentication;

/// <summary>A client that signs its own assertions with the base library alone, and can forge them too.</summary>
internal sealed class ClientSigner
{
    public const string AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    public const string Issuer = "http://localhost:5000";

    private readonly ECDsa? _ec;
    private readonly RSA? _rsa;

    public ClientSigner(string clientId, string algorithm = "ES256", string? keyId = "k1")
    {
        (ClientId, Algorithm, KeyId) = (clientId, algorithm, keyId);
        if (algorithm == "ES256")
            _ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        else
            _rsa = RSA.Create(2048);
    }

    public string ClientId { get; }
    public string Algorithm { get; }
    public string? KeyId { get; }

    /// <summary>The public key; members that are null are left out.</summary>
    public JsonObject Jwk(bool namesAlgorithm = true, bool namesKey = true)
    {
        var jwk = new JsonObject();
        if (_ec is not null)
        {
            var point = _ec.ExportParameters(false).Q;
            (jwk["kty"], jwk["crv"], jwk["x"], jwk["y"]) = ("EC", "P-256", Base64Url.EncodeToString(point.X), Base64Url.EncodeToString(point.Y));
        }
        else
        {
            var key = _rsa!.ExportParameters(false);
            (jwk["kty"], jwk["n"], jwk["e"]) = ("RSA", Base64Url.EncodeToString(key.Modulus), Base64Url.EncodeToString(key.Exponent));
        }
        if (namesAlgorithm)
            jwk["alg"] = Algorithm;
        if (namesKey)
            jwk["kid"] = KeyId;
        return jwk;
    }

    public string Jwks(bool namesAlgorithm = true, bool namesKey = true) => JwksOf(Jwk(namesAlgorithm, namesKey));

    public static string JwksOf(params JsonObject[] keys) => new JsonObject { ["keys"] = new JsonArray([.. keys.Select(key => (JsonNode)key.DeepClone())]) }.ToJsonString();

    /// <summary>Good claims.</summary>
    public JsonObject Claims(DateTimeOffset now) => new()
    {
        ["iss"] = ClientId,
        ["sub"] = ClientId,
        ["aud"] = Issuer,
        ["iat"] = now.ToUnixTimeSeconds(),
        ["exp"] = now.ToUnixTimeSeconds() + 60,
        ["jti"] = Guid.NewGuid().ToString(),
    };

    public JsonObject Header() => KeyId is null ? new() { ["alg"] = Algorithm } : new() { ["alg"] = Algorithm, ["kid"] = KeyId };

    public string Assertion(DateTimeOffset now, Action<JsonObject>? claims = null, Action<JsonObject>? header = null)
    {
        var (head, body) = (Header(), Claims(now));
        header?.Invoke(head);
        claims?.Invoke(body);
        return Sign(head, body);
    }

    public string Sign(JsonObject header, JsonObject claims)
    {
        var input = $"{Encode(header)}.{Encode(claims)}";
        return $"{input}.{Base64Url.EncodeToString(Signature(Encoding.ASCII.GetBytes(input)))}";
    }

    public byte[] Signature(byte[] input) => Algorithm switch
    {
        "ES256" => _ec!.SignData(input, HashAlgorithmName.SHA256),
        "PS256" => _rsa!.SignData(input, HashAlgorithmName.SHA256, RSASignaturePadding.Pss),
        _ => _rsa!.SignData(input, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
    };

    public static string Encode(JsonNode json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json.ToJsonString()));

    /// <summary>Registers the client as a manifest would, and waits until the node follows.</summary>
    public async Task<ClientSigner> RegisteredAtAsync(ServerUnderTest server, string? jwks = null, string? jwksUri = null, string? algorithm = null)
    {
        var metadata = new JsonObject();
        if (jwksUri is not null)
            metadata["jwks_uri"] = jwksUri;
        else
            metadata["jwks"] = JsonNode.Parse(jwks ?? Jwks());
        if (algorithm is not null)
            metadata["token_endpoint_auth_signing_alg"] = algorithm;
        await Protocol.Around.ConfiguresAsync(server, db => db.Clients.Add(new()
        {
            ClientId = ClientId, AuthMethod = "private_key_jwt", GrantTypes = ["client_credentials", "password", "refresh_token"], Scopes = World.AllScopes, Metadata = metadata.ToJsonString(),
        }));
        return this;
    }
}

/// <summary>What such a client does, in words.</summary>
internal static class AssertionCalls
{
    public static Task<Answer> AuthenticatesAsync(this ServerUnderTest server, string assertion, params (string, string)[] more) =>
        server.PostFormAsync("/connect/token", [("grant_type", "client_credentials"), ("client_assertion_type", ClientSigner.AssertionType), ("client_assertion", assertion), .. more]);

    public static Task<Answer> AuthenticatesAsync(this ServerUnderTest server, ClientSigner client, Action<JsonObject>? claims = null, Action<JsonObject>? header = null) =>
        server.AuthenticatesAsync(client.Assertion(server.Clock.GetUtcNow(), claims, header));
}
