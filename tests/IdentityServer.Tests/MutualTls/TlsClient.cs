using System.Buffers.Text;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;

namespace IdentityServer.Tests.MutualTls;

/// <summary>A client with a self-signed certificate, made with the base library alone.</summary>
internal sealed class TlsClient(string clientId, AsymmetricAlgorithm? key = null, int fromDay = -1, int toDay = 1)
{
    public string ClientId { get; } = clientId;

    public AsymmetricAlgorithm Key { get; } = key ?? ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public X509Certificate2 Certificate => field ??= Create();

    public string Thumbprint => Base64Url.EncodeToString(SHA256.HashData(Certificate.RawData));

    public JsonObject Jwk()
    {
        var jwk = new JsonObject { ["x5c"] = new JsonArray(Convert.ToBase64String(Certificate.RawData)) };
        if (Key is ECDsa point)
        {
            var q = point.ExportParameters(false).Q;
            (jwk["kty"], jwk["crv"], jwk["x"], jwk["y"]) = ("EC", "P-256", Base64Url.EncodeToString(q.X), Base64Url.EncodeToString(q.Y));
        }
        else
        {
            var key = ((RSA)Key).ExportParameters(false);
            (jwk["kty"], jwk["n"], jwk["e"]) = ("RSA", Base64Url.EncodeToString(key.Modulus), Base64Url.EncodeToString(key.Exponent));
        }
        return jwk;
    }

    public string Jwks(params TlsClient[] more) => new JsonObject { ["keys"] = new JsonArray([Jwk(), .. more.Select(client => client.Jwk())]) }.ToJsonString();

    /// <summary>Registers the client as a manifest would, and waits until the node follows.</summary>
    public async Task<TlsClient> RegisteredAtAsync(ServerUnderTest server, string method = "self_signed_tls_client_auth", bool hasBoundTokens = false, string? jwks = null)
    {
        var metadata = new JsonObject { ["jwks"] = JsonNode.Parse(jwks ?? Jwks()), ["require_consent"] = false };
        if (hasBoundTokens)
            metadata["tls_client_certificate_bound_access_tokens"] = true;
        await server.ConfiguresAsync(db => db.Clients.Add(new()
        {
            ClientId = ClientId, AuthMethod = method, SecretHashes = method.StartsWith("client_secret", StringComparison.Ordinal) ? [server.SecretHash(ClientId)] : [],
            GrantTypes = ["client_credentials", "password", "refresh_token", "authorization_code", "urn:ietf:params:oauth:grant-type:token-exchange"],
            Scopes = World.SignInScopes, RedirectUris = [World.WebCallback], Metadata = metadata.ToJsonString(),
        }));
        return this;
    }

    /// <summary>Posts on a connection of its own, with this client's certificate.</summary>
    /// <param name="by">The certificate to use instead of the client's own.</param>
    public async Task<Answer> PostsAsync(ServerUnderTest server, string path, (string Name, string Value)[] form, AuthenticationHeaderValue? authorization = null, X509Certificate2? by = null)
    {
        using var http = server.Connect(by ?? Certificate);
        return await PostAsync(http, path, authorization is null ? [("client_id", ClientId), .. form] : form, authorization);
    }

    public async Task<Answer> GetsAsync(ServerUnderTest server, string path, string token)
    {
        using var http = server.Connect(Certificate);
        return await GetAsync(http, path, token);
    }

    public static async Task<Answer> PostAsync(HttpClient http, string path, (string Name, string Value)[] form, AuthenticationHeaderValue? authorization = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new FormUrlEncodedContent(form.Select(pair => KeyValuePair.Create(pair.Name, pair.Value))),
            Headers = { Authorization = authorization },
        };
        var message = await http.SendAsync(request);
        return new Answer(message.StatusCode, await message.Content.ReadAsStringAsync(), message);
    }

    public static async Task<Answer> GetAsync(HttpClient http, string path, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Authorization = new("Bearer", token) } };
        var message = await http.SendAsync(request);
        return new Answer(message.StatusCode, await message.Content.ReadAsStringAsync(), message);
    }

    private X509Certificate2 Create()
    {
        var name = $"CN={ClientId}";
        var request = Key is ECDsa point
            ? new CertificateRequest(name, point, HashAlgorithmName.SHA256)
            : new CertificateRequest(name, (RSA)Key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(fromDay), now.AddDays(toDay));
    }
}
