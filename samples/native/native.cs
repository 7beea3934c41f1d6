// dotnet run native.cs: signs in by the system's browser (RFC 8252), then calls the data store.
#:property PublishAot=false
using System.Buffers.Text;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

const string issuer = "http://localhost:5000", client = "native", scope = "openid profile data:read offline_access";
using var http = new HttpClient();

// PKCE (RFC 7636) and a state of our own: what comes back belongs to this very sign-in.
var verifier = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
var challenge = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)));
var state = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16));
var redirect = $"http://127.0.0.1:{Random.Shared.Next(49152, 65535)}/callback";

using var listener = new HttpListener { Prefixes = { redirect + "/" } };
listener.Start();
var address = $"{issuer}/connect/authorize?response_type=code&client_id={client}&redirect_uri={Uri.EscapeDataString(redirect)}"
    + $"&scope={Uri.EscapeDataString(scope)}&state={state}&code_challenge={challenge}&code_challenge_method=S256";
Console.WriteLine($"Opening {address}");
Process.Start(new ProcessStartInfo(address) { UseShellExecute = true });

var back = await listener.GetContextAsync();
await using (var page = new StreamWriter(back.Response.OutputStream))
    await page.WriteAsync("Signed in. You can close this window.");
if (back.Request.QueryString["state"] != state || back.Request.QueryString["iss"] != issuer || back.Request.QueryString["code"] is not { } code)
    throw new InvalidOperationException($"Not signed in: {back.Request.QueryString["error"] ?? "the answer is not ours"}.");

var exchanged = await http.PostAsync($"{issuer}/connect/token", new FormUrlEncodedContent(new Dictionary<string, string>
    { ["grant_type"] = "authorization_code", ["code"] = code, ["redirect_uri"] = redirect, ["client_id"] = client, ["code_verifier"] = verifier }));
var tokens = JsonDocument.Parse(await exchanged.EnsureSuccessStatusCode().Content.ReadAsStringAsync()).RootElement;

http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", tokens.GetProperty("access_token").GetString());
Console.WriteLine(await http.GetStringAsync($"{issuer}/connect/userinfo"));
Console.WriteLine(await http.GetStringAsync("http://localhost:5010/api/data"));
