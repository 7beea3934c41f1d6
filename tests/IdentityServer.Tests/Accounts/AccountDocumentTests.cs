using System.Globalization;
using System.Net;
using System.Text.Json;
using IdentityServer.Accounts.Api;
using IdentityServer.Tests.Hosting;
using Xunit;

namespace IdentityServer.Tests.Accounts;

/// <summary><c>/openapi/v1.json</c> describes what the API really does.</summary>
public sealed class AccountDocumentTests(AccountsServer shared) : IClassFixture<AccountsServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Fact]
    public async Task Every_route_is_documented_and_every_documented_route_is_served()
    {
        var paths = (await DocumentAsync()).GetProperty("paths").EnumerateObject().ToList();

        Assert.Equal(
            typeof(AccountRoutes).GetFields().Select(field => (string)field.GetRawConstantValue()!).Order(StringComparer.Ordinal),
            paths.Select(path => path.Name).Order(StringComparer.Ordinal));
        foreach (var path in paths)
        {
            Assert.Equal("post", Assert.Single(path.Value.EnumerateObject()).Name);
            var answer = await _server.PostJsonAsync(path.Name, "");
            Assert.Contains(answer.Status, (HttpStatusCode[])[HttpStatusCode.BadRequest, HttpStatusCode.Unauthorized]);
        }
    }

    [Fact]
    public async Task Answers_are_as_documented()
    {
        var document = await DocumentAsync();
        var name = People.NewName();
        var email = People.EmailOf(name);
        var dead = (await _server.LogsInAsync(World.Alice, World.AlicePassword)).Data("access_token");
        await _server.LogsOutAsync(dead);

        foreach (var (path, body, bearer) in new (string, object, string?)[]
        {
            ("/api/register", new { username = name, email, password = People.Password, full_name = "N", gender = "x", age = 1 }, null),
            ("/api/register", new { username = name, email, password = People.Password, full_name = "N", gender = "x" }, null),
            ("/api/register", new { username = name, email, password = People.Password, full_name = "N" }, null),
            ("/api/register", new { }, null),
            ("/register", new { email, password = People.Password }, null),
            ("/register", new { username = People.NewName(), password = People.Password }, null),
            ("/auth/register", new { username = "@", password = People.Password }, null),
            ("/auth/register", new { username = "x", email = "x", password = People.Password }, null),
            ("/auth/register", new { username = "x", password = "x" }, null),
            ("/auth/register", new { username = "x", password = People.Password, age = -1 }, null),
            ("/api/token", new { username = name, password = People.Password }, null),
            ("/auth/token", new { username = name, password = "wrong" }, null),
            ("/login", new { username = name }, null),
            ("/auth/login", "nonsense", null),
            ("/login", new string('x', 70_000), null),
            ("/logout", "", null),
            ("/auth/logout", "", dead),
            ("/auth/change_password", new { }, dead),
            ("/auth/reset_password", new { email = "nobody@example.com" }, null),
            ("/auth/reset_password", new { email, reset_token = "x", new_password = People.Password }, null),
            ("/auth/reset_password", new { email, reset_token = "x", new_password = "x" }, null),
            ("/auth/reset_password", new { }, null),
        })
            Matches(document, path, await _server.PostJsonAsync(path, body, bearer));

        var session = (await _server.LogsInAsync(name)).Data("access_token");
        Matches(document, "/auth/change_password", await _server.ChangesPasswordAsync(session, "", ""));
        Matches(document, "/auth/change_password", await _server.ChangesPasswordAsync(session, "x", "x"));
        Matches(document, "/auth/change_password", await _server.ChangesPasswordAsync(session, "x", People.Password));
        Matches(document, "/auth/change_password", await _server.ChangesPasswordAsync(session, People.Password, "spring tide 100"));
        Matches(document, "/logout", await _server.LogsOutAsync(session));
        await _server.AsksForResetAsync(email);
        Matches(document, "/auth/reset_password", await _server.ResetsAsync(email, People.TokenOf(await shared.Inbox.NextAsync(email)), People.Password));
    }

    [Fact]
    public async Task The_document_names_the_issuer_and_the_bearer_scheme()
    {
        var document = await DocumentAsync();

        Assert.Equal("http://localhost:5000", document.GetProperty("servers")[0].GetProperty("url").GetString());
        Assert.Equal("bearer", document.GetProperty("components").GetProperty("securitySchemes").GetProperty("bearer").GetProperty("scheme").GetString());
        foreach (var path in document.GetProperty("paths").EnumerateObject())
        {
            var needsToken = path.Name is AccountRoutes.Logout or AccountRoutes.AuthLogout or AccountRoutes.ChangePassword;
            Assert.Equal(needsToken, path.Value.GetProperty("post").TryGetProperty("security", out _));
        }
    }

    [Fact]
    public async Task The_documented_limits_are_the_enforced_ones()
    {
        var schema = (await DocumentAsync()).GetProperty("paths").GetProperty("/api/register").GetProperty("post")
            .GetProperty("requestBody").GetProperty("content").GetProperty("application/json").GetProperty("schema");
        Assert.Equal(["username", "email", "password", "full_name", "gender"], schema.GetProperty("required").EnumerateArray().Select(name => name.GetString()));

        foreach (var member in (string[])["username", "full_name", "gender", "password"])
        {
            var maximum = schema.GetProperty("properties").GetProperty(member).GetProperty("maxLength").GetInt32();
            foreach (var (length, isAllowed) in new[] { (maximum, true), (maximum + 1, false) })
            {
                var name = People.NewName();
                var body = new Dictionary<string, object> { ["username"] = name, ["email"] = People.EmailOf(name), ["password"] = People.Password, ["full_name"] = "N", ["gender"] = "x" };
                body[member] = name.PadRight(length, 'y');
                Assert.Equal((member, isAllowed), (member, (await _server.PostJsonAsync("/api/register", body)).Status == HttpStatusCode.Created));
            }
        }
    }

    private async Task<JsonElement> DocumentAsync()
    {
        var answer = await _server.SendAsync(new HttpRequestMessage(HttpMethod.Get, "/openapi/v1.json"));
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        return answer.Json;
    }

    /// <summary>The status is documented, the code is among its codes, and every member of the envelope and of <c>data</c> is described.</summary>
    private static void Matches(JsonElement document, string path, Answer answer)
    {
        var responses = document.GetProperty("paths").GetProperty(path).GetProperty("post").GetProperty("responses");
        Assert.True(responses.TryGetProperty(((int)answer.Status).ToString(CultureInfo.InvariantCulture), out var response), $"{path} answers {answer.Status}: {answer.Body}");
        var schema = response.GetProperty("content").GetProperty("application/json").GetProperty("schema");
        HasMembersOf(schema, answer.Json);
        if (answer["code"] is { } code)
            Assert.Contains(code, schema.GetProperty("properties").GetProperty("code").GetProperty("enum").EnumerateArray().Select(value => value.GetString()));
        else if (answer.Json.TryGetProperty("data", out var data))
            HasMembersOf(schema.GetProperty("properties").GetProperty("data"), data);
    }

    private static void HasMembersOf(JsonElement schema, JsonElement value)
    {
        var described = schema.GetProperty("properties").EnumerateObject().Select(member => member.Name).ToHashSet();
        var present = value.EnumerateObject().Select(member => member.Name).ToHashSet();
        Assert.Subset(described, present);
        Assert.Superset(schema.GetProperty("required").EnumerateArray().Select(name => name.GetString()!).ToHashSet(), present);
    }
}
