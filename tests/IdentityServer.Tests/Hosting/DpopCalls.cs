using System.Net.Http.Headers;
using Testing;

namespace IdentityServer.Tests.Hosting;

/// <summary>What a client with a key does.</summary>
internal static class DpopCalls
{
    public const string TokenAddress = "http://localhost:5000/connect/token";

    /// <summary>With a proof, and once more with the nonce if the server asks for one (RFC 9449 §8).</summary>
    public static async Task<Answer> ProvesAsync(this ServerUnderTest server, DpopKey key, (string, string)[] form, AuthenticationHeaderValue? client, string? nonce = null)
    {
        var answer = await server.PostProvedAsync(form, client, key.Proof("POST", TokenAddress, server.Clock.GetUtcNow(), nonce));
        return answer.Error == "use_dpop_nonce" && nonce is null ? await server.ProvesAsync(key, form, client, answer.DpopNonce()) : answer;
    }

    public static Task<Answer> PostProvedAsync(this ServerUnderTest server, (string Name, string Value)[] form, AuthenticationHeaderValue? client, params string[] proofs)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/connect/token")
        {
            Content = new FormUrlEncodedContent(form.Select(pair => KeyValuePair.Create(pair.Name, pair.Value))),
            Headers = { Authorization = client },
        };
        foreach (var proof in proofs)
            request.Headers.TryAddWithoutValidation("DPoP", proof);
        return server.SendAsync(request);
    }

    public static string? DpopNonce(this Answer answer) =>
        answer.Message.Headers.TryGetValues("DPoP-Nonce", out var values) ? values.Single() : null;

    /// <summary>The nonce to use now.</summary>
    public static async Task<string> NonceAsync(this ServerUnderTest server)
    {
        using var key = new DpopKey();
        var answer = await server.PostProvedAsync([("grant_type", "client_credentials")], Calls.AsShop, key.Proof("POST", TokenAddress, server.Clock.GetUtcNow()));
        return answer.DpopNonce()!;
    }
}
