using System.Net;
using System.Text.Json.Nodes;
using IdentityServer.Tests.Hosting;
using Npgsql;
using Xunit;

namespace IdentityServer.Tests.Accounts;

public sealed class RegistrationTests(AccountsServer shared) : IClassFixture<AccountsServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Fact]
    public async Task A_registration_with_a_profile_returns_the_account_and_a_token()
    {
        var name = People.NewName();

        var answer = await _server.PostJsonAsync("/api/register", Profile(name));

        answer.Succeeds(HttpStatusCode.Created, "User successfully registered!");
        Assert.Equal(
            ["user_id", "username", "email", "full_name", "age", "gender", "access_token", "token_type", "expires_in"],
            answer.Json.GetProperty("data").EnumerateObject().Select(member => member.Name));
        Assert.Equal((name, $"{name}@example.com", "Maya M.", "34", "female"), (answer.Data("username"), answer.Data("email"), answer.Data("full_name"), answer.Data("age"), answer.Data("gender")));
        Assert.Equal(("Bearer", "3600"), (answer.Data("token_type"), answer.Data("expires_in")));
        Assert.Equal(7, Guid.Parse(answer.Data("user_id")!).Version);

        var token = await _server.IntrospectsAsync(answer.Data("access_token"));
        Assert.Equal(("True", answer.Data("user_id"), "account-api", "data:read data:write"), (token["active"], token["sub"], token["client_id"], token["scope"]));
    }

    [Theory]
    [InlineData("/register")]
    [InlineData("/auth/register")]
    public async Task A_user_name_or_an_email_address_is_enough(string path)
    {
        var byName = People.NewName();
        var byEmail = $"{People.NewName()}@example.com";

        var named = await _server.PostJsonAsync(path, new { username = byName, password = People.Password });
        var mailed = await _server.PostJsonAsync(path, new { email = byEmail, password = People.Password });

        named.Succeeds(HttpStatusCode.Created, "User successfully registered!");
        Assert.Equal("""null,null,null,null""", string.Join(',', ((string[])["email", "full_name", "age", "gender"]).Select(member => named.Json.GetProperty("data").GetProperty(member).GetRawText())));
        mailed.Succeeds(HttpStatusCode.Created, "User successfully registered!");
        Assert.Equal((byEmail, byEmail), (mailed.Data("username"), mailed.Data("email")));
        Assert.Equal(HttpStatusCode.OK, (await _server.LogsInAsync(byEmail)).Status);
    }

    [Fact]
    public async Task A_form_may_send_unfilled_fields_as_empty()
    {
        var answer = await _server.PostJsonAsync("/register", new { username = "", email = $"{People.NewName()}@example.com", password = People.Password, full_name = "", gender = "" });

        Assert.Equal(HttpStatusCode.Created, answer.Status);
    }

    /// <summary>One wrong member, and the code that reports it.</summary>
    public static TheoryData<string, string, string> Refusals => new()
    {
        { "username", "null", "INVALID_REQUEST" },
        { "email", "null", "INVALID_REQUEST" },
        { "password", "null", "INVALID_REQUEST" },
        { "full_name", "null", "INVALID_REQUEST" },
        { "full_name", "\"  \"", "INVALID_REQUEST" },
        { "username", "42", "INVALID_REQUEST" },
        { "email", "[]", "INVALID_REQUEST" },
        { "password", "{}", "INVALID_REQUEST" },
        { "full_name", "true", "INVALID_REQUEST" },
        { "gender", "1", "INVALID_REQUEST" },
        { "username", "\"a\\u0000b\"", "INVALID_USERNAME" },
        { "full_name", "\"\\ud800\"", "INVALID_REQUEST" },
        { "full_name", "\"\\u202Eevil\"", "INVALID_REQUEST" },
        { "gender", "null", "GENDER_REQUIRED" },
        { "gender", "\"\"", "GENDER_REQUIRED" },
        { "age", "0", "INVALID_AGE" },
        { "age", "-1", "INVALID_AGE" },
        { "age", "1.5", "INVALID_AGE" },
        { "age", "\"34\"", "INVALID_AGE" },
        { "age", "true", "INVALID_AGE" },
        { "age", "99999999999999999999", "INVALID_AGE" },
        { "age", "1e400", "INVALID_AGE" },
        { "username", "\"\"", "INVALID_USERNAME" },
        { "username", "\"a@b\"", "INVALID_USERNAME" },
        { "username", "\"a＠b\"", "INVALID_USERNAME" },
        { "username", "\" maya\"", "INVALID_USERNAME" },
        { "username", "\"ma\\u200Bya\"", "INVALID_USERNAME" },
        { "email", "\"\"", "INVALID_EMAIL" },
        { "email", "\"nobody\"", "INVALID_EMAIL" },
        { "email", "\"a@b@example.com\"", "INVALID_EMAIL" },
        { "email", "\"a b@example.com\"", "INVALID_EMAIL" },
        { "email", "\"a@example.com\\r\\nBcc: b@example.com\"", "INVALID_EMAIL" },
        { "password", "\"\"", "INVALID_PASSWORD" },
        { "password", "\"1234567\"", "INVALID_PASSWORD" },
        { "password", "\"Password123\"", "INVALID_PASSWORD" },
    };

    [Theory, MemberData(nameof(Refusals))]
    public async Task A_wrong_member_is_reported_with_its_own_code(string member, string json, string code)
    {
        var body = new JsonObject(Profile(People.NewName()).Select(pair => KeyValuePair.Create(pair.Key, pair.Value?.DeepClone())))
        {
            [member] = "~wrong~",
        }.ToJsonString().Replace("\"~wrong~\"", json, StringComparison.Ordinal);

        (await _server.PostJsonAsync("/api/register", body)).IsRefused(code);
    }

    [Theory]
    [InlineData("""{"gender":7,"age":0}""", "INVALID_REQUEST")]
    [InlineData("""{"age":0}""", "INVALID_REQUEST")]
    [InlineData("""{"username":"@","email":"x","password":"x","full_name":"x","age":0}""", "GENDER_REQUIRED")]
    [InlineData("""{"username":"@","email":"x","password":"x","full_name":"x","gender":"x","age":0}""", "INVALID_AGE")]
    [InlineData("""{"username":"@","email":"x","password":"x","full_name":"x","gender":"x"}""", "INVALID_USERNAME")]
    [InlineData("""{"username":"y","email":"x","password":"x","full_name":"x","gender":"x"}""", "INVALID_EMAIL")]
    [InlineData("""{"username":"y","email":"x@y","password":"x","full_name":"\u0007","gender":"x"}""", "INVALID_REQUEST")]
    [InlineData("""{"username":"alice","email":"alice@example.com","password":"x","full_name":"x","gender":"x"}""", "INVALID_PASSWORD")]
    [InlineData("""{"username":"alice","email":"alice@example.com","password":"tidal wave 99","full_name":"x","gender":"x"}""", "USERNAME_EXISTS")]
    public async Task The_same_one_of_several_mistakes_is_always_reported(string body, string code) =>
        (await _server.PostJsonAsync("/api/register", body)).IsRefused(code);

    [Theory]
    [InlineData("""{"password":"tidal wave 99"}""")]
    [InlineData("""{"username":"somebody"}""")]
    [InlineData("""{"username":"","email":"","password":"tidal wave 99"}""")]
    public async Task A_password_and_a_name_are_required(string body) =>
        (await _server.PostJsonAsync("/register", body)).IsRefused("INVALID_REQUEST");

    [Fact]
    public async Task The_refusal_of_a_password_lists_every_requirement()
    {
        await using var strict = await ServerUnderTest.StartAsync(
            "--Password:MinimumLength=12", "--Password:RequireDigit=true", "--Password:RequireUppercase=true", "--Password:RequireLowercase=true", "--Password:RequireNonAlphanumeric=true");

        var refused = await strict.RegistersAsync("strict", "tidal wave ninety-nine");
        var accepted = await strict.RegistersAsync("strict", "Tidal wave 99");

        refused.IsRefused("INVALID_PASSWORD");
        Assert.Equal("The password must have 12 to 128 characters, must contain a digit, must contain a lowercase letter, must contain an uppercase letter, must contain a character that is neither letter nor digit, must not be one of the commonest passwords.", refused["message"]);
        Assert.Equal(HttpStatusCode.Created, accepted.Status);
    }

    [Fact]
    public async Task A_taken_name_or_address_is_refused_in_any_spelling()
    {
        var name = People.NewName();
        await _server.RegistersAsync(name);
        var wide = string.Concat(name.Select(c => (char)(c is >= 'a' and <= 'z' ? c - 'a' + 'Ａ' : c)));

        (await _server.PostJsonAsync("/register", new { username = wide, password = People.Password })).IsRefused("USERNAME_EXISTS");
        (await _server.PostJsonAsync("/register", new { username = People.NewName(), email = $"{name.ToUpperInvariant()}@EXAMPLE.com", password = People.Password })).IsRefused("EMAIL_EXISTS");
        (await _server.PostJsonAsync("/register", new { email = $"{name}@Example.com", password = People.Password })).IsRefused("EMAIL_EXISTS");
        var mailed = $"{People.NewName()}@example.com";
        await _server.PostJsonAsync("/register", new { email = mailed, password = People.Password });
        (await _server.PostJsonAsync("/register", new { email = mailed, password = People.Password })).IsRefused("EMAIL_EXISTS");
    }

    [Fact]
    public async Task Fifty_registrations_at_once_make_one_account()
    {
        var name = People.NewName() + "ßé";
        string[] spellings = [name, name.ToUpperInvariant(), name.Normalize(System.Text.NormalizationForm.FormD), name.Replace('p', 'ｐ'), name.Replace('p', 'Ｐ')];

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => _server.PostJsonAsync("/register", new { username = spellings[i % spellings.Length], password = People.Password })));

        Assert.Single(answers, answer => answer.Status == HttpStatusCode.Created);
        foreach (var answer in answers.Where(answer => answer.Status != HttpStatusCode.Created))
            answer.IsRefused("USERNAME_EXISTS");
    }

    [Fact]
    public async Task Fifty_registrations_at_once_with_one_address_make_one_account()
    {
        var name = People.NewName();

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => _server.PostJsonAsync("/register", new { username = $"{name}-{i}", email = i % 2 == 0 ? $"{name}@example.com" : $"{name}@EXAMPLE.COM", password = People.Password })));

        Assert.Single(answers, answer => answer.Status == HttpStatusCode.Created);
        foreach (var answer in answers.Where(answer => answer.Status != HttpStatusCode.Created))
            answer.IsRefused("EMAIL_EXISTS");
    }

    [Fact]
    public async Task Unknown_members_change_nothing()
    {
        var id = Guid.NewGuid();
        var answer = await _server.PostJsonAsync("/register", new { username = People.NewName(), password = People.Password, role = "admin", roles = new[] { "admin" }, id, user_id = id, email_confirmed = true, security_stamp = "x", scope = "everything" });

        Assert.Equal(HttpStatusCode.Created, answer.Status);
        Assert.NotEqual(id.ToString(), answer.Data("user_id"));
        await using var source = NpgsqlDataSource.Create(_server.ConnectionString);
        await using var command = source.CreateCommand("SELECT NOT email_confirmed AND NOT EXISTS (SELECT FROM user_roles WHERE user_id = users.id) FROM users WHERE id = $1");
        command.Parameters.Add(new() { Value = Guid.Parse(answer.Data("user_id")!) });
        Assert.Equal(true, await command.ExecuteScalarAsync());
        Assert.Equal("data:read data:write", (await _server.IntrospectsAsync(answer.Data("access_token")))["scope"]);
    }

    [Theory]
    [InlineData("b", 128, true)]
    [InlineData("b", 129, false)]
    [InlineData("é", 128, true)]
    [InlineData("😀", 128, true)]
    [InlineData("😀", 129, false)]
    [InlineData("😀", 8, true)]
    [InlineData("😀", 7, false)]
    [InlineData(" ", 8, true)]
    public async Task A_password_is_8_to_128_code_points(string character, int count, bool isAllowed)
    {
        var password = string.Concat(Enumerable.Repeat(character, count));
        var name = People.NewName();

        var answer = await _server.RegistersAsync(name, password);

        if (isAllowed)
            Assert.Equal(HttpStatusCode.OK, (await _server.LogsInAsync(name, password)).Status);
        else
            answer.IsRefused("INVALID_PASSWORD");
    }

    [Fact]
    public async Task A_password_of_a_megabyte_is_refused_quickly()
    {
        var start = System.Diagnostics.Stopwatch.GetTimestamp();
        var answer = await _server.RegistersAsync(People.NewName(), new string('x', 1024 * 1024));

        answer.IsRefused("PAYLOAD_TOO_LARGE", HttpStatusCode.RequestEntityTooLarge);
        Assert.InRange(System.Diagnostics.Stopwatch.GetElapsedTime(start), TimeSpan.Zero, TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task A_registration_returns_no_refresh_token()
    {
        var answer = await _server.RegistersAsync(People.NewName());

        Assert.Null(answer.Data("refresh_token"));
    }

    private static JsonObject Profile(string name) => new()
    {
        ["username"] = name,
        ["email"] = $"{name}@example.com",
        ["password"] = People.Password,
        ["full_name"] = "Maya M.",
        ["gender"] = "female",
        ["age"] = 34,
    };
}
