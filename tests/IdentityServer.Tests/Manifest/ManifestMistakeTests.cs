using IdentityServer.Tests.Hosting;
using Microsoft.EntityFrameworkCore;
using Xunit;

namespace IdentityServer.Tests.Manifest;

/// <summary>One server for all of them: a mistake changes nothing.</summary>
public sealed class ManifestMistakeTests(ManifestMistakeTests.Host host) : IClassFixture<ManifestMistakeTests.Host>
{
    private const string Canary = "CANARY-SECRET";

    public sealed class Host : IAsyncLifetime
    {
        internal ServerUnderTest Server { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Server = await ServerUnderTest.StartAsync();

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }

    [Theory]
    // The file
    [InlineData("", "$")]
    [InlineData("[]", "$")]
    [InlineData("{", "$")]
    [InlineData("""{"clients":[],}""", "$")]
    [InlineData("""{"clients":[] /* none */}""", "$")]
    [InlineData("""{"clients":[]} {}""", "$")]
    [InlineData("""{"clients":[{"client_secret":"CANARY-SECRET" CANARY}]}""", "$")]
    [InlineData("""{"clients":[],"clients":[]}""", "$.clients")]
    [InlineData("""{"cleints":[]}""", "$.cleints")]
    [InlineData("""{"cli\nents é":[]}""", "$[\"cli?ents ?\"]")]
    [InlineData("""{"\ud800":[]}""", "$")]
    [InlineData("""{"clients":{}}""", "$.clients")]
    [InlineData("""{"clients":null}""", "$.clients")]
    [InlineData("""{"clients":[7]}""", "$.clients[0]")]
    // Clients
    [InlineData("""{"clients":[{}]}""", "$.clients[0].client_id")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"CANARY-SECRET","client_id":"a"}]}""", "$.clients[0].client_id")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"CANARY-SECRET","grant_typs":[]}]}""", "$.clients[0].grant_typs")]
    [InlineData("""{"clients":[{"client_id":7,"client_secret":"CANARY-SECRET"}]}""", "$.clients[0].client_id")]
    [InlineData("""{"clients":[{"client_id":"","client_secret":"CANARY-SECRET"}]}""", "$.clients[0].client_id")]
    [InlineData("""{"clients":[{"client_id":"a b","client_secret":"CANARY-SECRET"}]}""", "$.clients[0].client_id")]
    [InlineData("""{"clients":[{"client_id":"ä","client_secret":"CANARY-SECRET"}]}""", "$.clients[0].client_id")]
    [InlineData("""{"clients":[{"client_id":"\ud800","client_secret":"CANARY-SECRET"}]}""", "$.clients[0].client_id")]
    [InlineData("""{"clients":[{"client_id":"12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901","client_secret":"CANARY-SECRET"}]}""", "$.clients[0].client_id")]
    [InlineData("""{"clients":[{"client_id":"0195c1a0-1111-7222-8333-444455556666","client_secret":"CANARY-SECRET"}]}""", "$.clients[0].client_id")]
    [InlineData("""{"clients":[{"client_id":"0195C1A0111172228333444455556666","client_secret":"CANARY-SECRET"}]}""", "$.clients[0].client_id")]
    [InlineData("""{"clients":[{"client_id":"account-api","client_secret":"CANARY-SECRET"}]}""", "$.clients[0].client_id")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x"},{"client_id":"a","client_secret":"x"}]}""", "$.clients[1].client_id")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x"},{"client_id":"b"}]}""", "$.clients[1].client_secret")]
    [InlineData("""{"clients":[{"client_id":"shop","client_secret":null}]}""", "$.clients[0].client_secret")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":""}]}""", "$.clients[0].client_secret")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":[]}]}""", "$.clients[0].client_secret")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":["CANARY-SECRET",null]}]}""", "$.clients[0].client_secret[1]")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"CANARY-SECRET\n"}]}""", "$.clients[0].client_secret")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":{"value":"CANARY-SECRET"}}]}""", "$.clients[0].client_secret")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"$NOT_SET"}]}""", "$.clients[0].client_secret asks for the environment variable NOT_SET")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":["x","$EMPTY"]}]}""", "$.clients[0].client_secret[1] asks for the environment variable EMPTY")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret_file":"no-such-file"}]}""", "$.clients[0].client_secret_file names the file no-such-file")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret_file":"."}]}""", "$.clients[0].client_secret_file")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret_file":"empty"}]}""", "$.clients[0].client_secret_file")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret_file":"large"}]}""", "$.clients[0].client_secret_file")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret_file":"two-lines"}]}""", "$.clients[0].client_secret_file")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","client_name":""}]}""", "$.clients[0].client_name")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","grant_types":["refresh_token","implicit"]}]}""", "$.clients[0].grant_types[1]")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","grant_types":["authorization_code"]}]}""", "$.clients[0].redirect_uris")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","grant_types":["authorization_code"],"redirect_uris":["https://a.example/callback","http://a.example/callback"]}]}""", "$.clients[0].redirect_uris[1]")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","grant_types":["authorization_code"],"redirect_uris":["https://a.example/callback","javascript:alert(1)"]}]}""", "$.clients[0].redirect_uris[1]")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","grant_types":["authorization_code"],"redirect_uris":["https://a.example/callback","myapp:/callback"]}]}""", "$.clients[0].redirect_uris[1]")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","grant_types":["authorization_code"],"redirect_uris":["https://a.example/callback","com.example.app:/callback"]}]}""", "$.clients[0].redirect_uris[1]")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","grant_types":["authorization_code"],"redirect_uris":["https://a.example/callback","https://a.example/ü"]}]}""", "$.clients[0].redirect_uris[1]")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","grant_types":["authorization_code"],"redirect_uris":["https://a.example/callback","https://user@a.example/"]}]}""", "$.clients[0].redirect_uris[1]")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","grant_types":["authorization_code"],"redirect_uris":["https://a.example/callback","http://127.0.0.1.example/callback"]}]}""", "$.clients[0].redirect_uris[1]")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","grant_types":["authorization_code"],"redirect_uris":["https://a.example/callback","https://a.example/{x}"]}]}""", "$.clients[0].redirect_uris[1]")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","grant_types":["authorization_code"],"redirect_uris":["https://a.example/#x"]}]}""", "$.clients[0].redirect_uris[0]")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","grant_types":["authorization_code "]}]}""", "$.clients[0].grant_types[0]")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","grant_types":["password","password"]}]}""", "$.clients[0].grant_types[1]")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","grant_types":"password"}]}""", "$.clients[0].grant_types")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","redirect_uris":["http://a.example/callback"]}]}""", "$.clients[0].redirect_uris[0]")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","grant_types":["client_credentials"],"response_types":["code"]}]}""", "$.clients[0].response_types")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","redirect_uris":["https://a.example/callback"],"response_types":[]}]}""", "$.clients[0].response_types")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","redirect_uris":["https://a.example/callback"],"response_types":["code","code id_token"]}]}""", "$.clients[0].response_types[1]")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","response_types":"code"}]}""", "$.clients[0].response_types")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","subject_type":"pairwise"}]}""", "$.clients[0].subject_type")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","software_id":7}]}""", "$.clients[0].software_id")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","software_version":""}]}""", "$.clients[0].software_version")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","software_versions":"1"}]}""", "$.clients[0].software_versions")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","token_endpoint_auth_method":"client_secret_jwt"}]}""", "$.clients[0].token_endpoint_auth_method")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","token_endpoint_auth_method":"private_key_jwt","jwks_uri":"https://a.example/keys"}]}""", "$.clients[0].client_secret")]
    [InlineData("""{"clients":[{"client_id":"a","token_endpoint_auth_method":"private_key_jwt"}]}""", "$.clients[0].jwks")]
    [InlineData("""{"clients":[{"client_id":"a","token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[]}}]}""", "$.clients[0].jwks")]
    [InlineData("""{"clients":[{"client_id":"a","token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[{"kty":"oct","k":"AAAA"}]}}]}""", "$.clients[0].jwks")]
    [InlineData("""{"clients":[{"client_id":"a","token_endpoint_auth_method":"private_key_jwt","jwks":{}}]}""", "$.clients[0].jwks")]
    [InlineData("""{"clients":[{"client_id":"a","token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]},"token_endpoint_auth_signing_alg":"RS256"}]}""", "$.clients[0].jwks")]
    [InlineData("""{"clients":[{"client_id":"a","token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"AA"}]}}]}""", "$.clients[0].jwks")]
    [InlineData("""{"clients":[{"client_id":"a","token_endpoint_auth_method":"private_key_jwt","jwks_uri":"http://a.example/keys"}]}""", "$.clients[0].jwks_uri")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","backchannel_logout_uri":"https://user@a.example/out"}]}""", "$.clients[0].backchannel_logout_uri")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","client_uri":"javascript:alert(1)"}]}""", "$.clients[0].client_uri")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","jwks":{"keys":[],"x":"\u0000"}}]}""", "$.clients[0].jwks")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","jwks":{"keys":[],"x":1e400000}}]}""", "$.clients[0].jwks")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","client_name":"A\u202eb"}]}""", "$.clients[0].client_name")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","post_logout_redirect_uris":["https://a.example/","https://a.example/tschüss"]}]}""", "$.clients[0].post_logout_redirect_uris[1]")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","post_logout_redirect_uris":["javascript:alert(1)"]}]}""", "$.clients[0].post_logout_redirect_uris[0]")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","post_logout_redirect_uris":["com.example.a:/end"]}]}""", "$.clients[0].post_logout_redirect_uris[0]")]
    [InlineData("""{"clients":[{"client_id":"a","token_endpoint_auth_method":"private_key_jwt","jwks_uri":"https://a.example/keys","token_endpoint_auth_signing_alg":"HS256"}]}""", "$.clients[0].token_endpoint_auth_signing_alg")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"CANARY-SECRET","token_endpoint_auth_method":"none"}]}""", "$.clients[0].client_secret")]
    [InlineData("""{"clients":[{"client_id":"a","token_endpoint_auth_method":"none","grant_types":["refresh_token","client_credentials"]}]}""", "$.clients[0].grant_types[1]")]
    [InlineData("""{"clients":[{"client_id":"a","token_endpoint_auth_method":"none","grant_types":["urn:ietf:params:oauth:grant-type:token-exchange"]}]}""", "$.clients[0].grant_types[0]")]
    [InlineData("""{"clients":[{"client_id":"a","token_endpoint_auth_method":"none","grant_types":["password"]}]}""", "$.clients[0].grant_types[0]")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","scope":["data:read"]}]}""", "$.clients[0].scope")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","scope":"da\"ta"}]}""", "$.clients[0].scope")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","scope":"data:read data:delete"}]}""", "$.clients[0].scope")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","redirect_uris":["https://a.test/","/callback"]}]}""", "$.clients[0].redirect_uris[1]")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","redirect_uris":["https://a.test/#x"]}]}""", "$.clients[0].redirect_uris[0]")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","disabled":"yes"}]}""", "$.clients[0].disabled")]
    [InlineData("""{"clients":[{"client_id":"resource-api","token_endpoint_auth_method":"none"}]}""", "$.clients[0].token_endpoint_auth_method")]
    // Resources
    [InlineData("""{"resources":[{"name":"A"}]}""", "$.resources[0].identifier")]
    [InlineData("""{"resources":[{"identifier":"data store"}]}""", "$.resources[0].identifier")]
    [InlineData("""{"resources":[{"identifier":"/data"}]}""", "$.resources[0].identifier")]
    [InlineData("""{"resources":[{"identifier":"http://a.test#b"}]}""", "$.resources[0].identifier")]
    [InlineData("""{"resources":[{"identifier":"http://a.test"},{"identifier":"http://a.test"}]}""", "$.resources[1].identifier")]
    [InlineData("""{"resources":[{"identifier":"http://a.test","scopes":["a b"]}]}""", "$.resources[0].scopes[0]")]
    [InlineData("""{"resources":[{"identifier":"http://a.test","scopes":["a","offline_access"]}]}""", "$.resources[0].scopes[1]")]
    [InlineData("""{"resources":[{"identifier":"http://a.test","client_id":"spa"}]}""", "$.resources[0].client_id")]
    // Roles
    [InlineData("""{"roles":[{"permissions":[]}]}""", "$.roles[0].name")]
    [InlineData("""{"roles":[{"name":"a"},{"name":"Ａ"}]}""", "$.roles[1].name")]
    [InlineData("""{"roles":[{"name":"ﷺﷺﷺﷺﷺﷺﷺﷺﷺﷺﷺﷺﷺﷺﷺﷺ"}]}""", "$.roles[0].name")]
    [InlineData("""{"roles":[{"name":"a","permissions":["b",3]}]}""", "$.roles[0].permissions[1]")]
    // Users
    [InlineData("""{"users":[{"username":"a","password":"long enough a password","profile":[]}]}""", "$.users[0].profile")]
    [InlineData("""{"users":[{"username":"a","password":"long enough a password","profile":{"nickname":7}}]}""", "$.users[0].profile.nickname")]
    [InlineData("""{"users":[{"username":"a","password":"long enough a password","profile":{"role":"admin"}}]}""", "$.users[0].profile.role")]
    [InlineData("""{"users":[{"username":"a","password":"long enough a password","profile":{"website":"javascript:alert(1)"}}]}""", "$.users[0].profile.website")]
    [InlineData("""{"users":[{"username":"a","password":"long enough a password","profile":{"birthdate":"1990-13-01"}}]}""", "$.users[0].profile.birthdate")]
    [InlineData("""{"users":[{"username":"a","password":"long enough a password","profile":{"address":"here"}}]}""", "$.users[0].profile.address")]
    [InlineData("""{"users":[{"username":"a","password":"long enough a password","profile":{"address":{"planet":"Earth"}}}]}""", "$.users[0].profile.address.planet")]
    [InlineData("""{"users":[{"username":"a","password":"long enough a password","phone_number":"call me"}]}""", "$.users[0].phone_number")]
    [InlineData("""{"users":[{"password":"CANARY-SECRET"}]}""", "$.users[0].username")]
    [InlineData("""{"users":[{"username":"a@b","password":"CANARY-SECRET"}]}""", "$.users[0].username")]
    [InlineData("""{"users":[{"username":"a\u200bb","password":"CANARY-SECRET"}]}""", "$.users[0].username")]
    [InlineData("""{"users":[{"username":"a\u202eb","password":"CANARY-SECRET"}]}""", "$.users[0].username")]
    [InlineData("""{"users":[{"email":"nobody","password":"CANARY-SECRET"}]}""", "$.users[0].email")]
    [InlineData("""{"users":[{"username":"bob"}]}""", "$.users[0].password")]
    [InlineData("""{"users":[{"username":"bob","password":"CANARY"}]}""", "$.users[0].password")]
    [InlineData("""{"users":[{"username":"bob","password":"password1"}]}""", "$.users[0].password")]
    [InlineData("""{"users":[{"username":"bob","password":"CANARY-SECRET","full_name":"a\u202eb"}]}""", "$.users[0].full_name")]
    [InlineData("""{"users":[{"username":"bob","password":"$NOT_SET"}]}""", "$.users[0].password asks for the environment variable NOT_SET")]
    [InlineData("""{"users":[{"username":"bob","password":12345678}]}""", "$.users[0].password")]
    [InlineData("""{"users":[{"username":"bob","password":"CANARY-SECRET","password_file":"x"}]}""", "$.users[0].password_file")]
    [InlineData("""{"users":[{"username":"bob","password_file":"no-such-file"}]}""", "$.users[0].password_file names the file no-such-file")]
    [InlineData("""{"users":[{"username":"bob","password":"CANARY-SECRET","age":0}]}""", "$.users[0].age")]
    [InlineData("""{"users":[{"username":"bob","password":"CANARY-SECRET","age":1.5}]}""", "$.users[0].age")]
    [InlineData("""{"users":[{"username":"bob","password":"CANARY-SECRET","roles":["admin","owner"]}]}""", "$.users[0].roles[1]")]
    [InlineData("""{"users":[{"username":"bob","password":"CANARY-SECRET"},{"username":"Ｂob","password":"CANARY-SECRET"}]}""", "$.users[1].username")]
    [InlineData("""{"users":[{"username":"bob","email":"b@b.test","password":"CANARY-SECRET"},{"username":"bob2","email":"B@b.test","password":"CANARY-SECRET"}]}""", "$.users[1].email")]
    [InlineData("""{"users":[{"username":"bob","email":"alice@example.com","password":"CANARY-SECRET"}]}""", "$.users[0].email")]
    [InlineData("""{"users":[{"username":"alice"},{"email":"alice@example.com"}]}""", "$.users[1]")]
    public async Task A_mistake_names_its_path_and_changes_nothing(string json, string path)
    {
        using var file = new ManifestFile(json);
        file.Write("empty", "\n");
        file.Write("large", new string('x', 5000));
        file.Write("two-lines", Canary + "\n" + Canary + "\n");
        var before = await StateAsync();

        var refused = await Assert.ThrowsAsync<StartupException>(
            () => host.Server.AppliesAsync(file, environment: new() { ["EMPTY"] = "" }));

        var begin = $"The manifest {file.Path} is not applied: ";
        Assert.StartsWith(begin + path, refused.Message, StringComparison.Ordinal);
        Assert.True(refused.Message[begin.Length + path.Length] is ' ' or ',', refused.Message);
        Assert.DoesNotContain('\n', refused.Message);
        Assert.DoesNotContain(Canary, refused.ToString(), StringComparison.Ordinal);
        Assert.Equal(before, await StateAsync());
    }

    [Theory]
    [InlineData("""{"clients":[{"client_id":"new","client_secret":"x"}],"resources":[{"identifier":"http://new.test"}],"roles":[{"name":"new"}],"users":[{"username":"new","password":"long enough"},{"username":"bob"}]}""", "$.users[1].password")]
    [InlineData("""{"clients":[{"client_id":"new","client_secret":"x","scope":"data:read"}],"resources":[]}""", "$.clients[0].scope", true)]
    [InlineData("""{"clients":[]}""", "$.clients", true)]
    [InlineData("""{"roles":[],"users":[{"username":"alice","roles":["admin"]}]}""", "$.users[0].roles[0]", true)]
    public async Task Nothing_is_half_applied(string json, string path, bool prune = false)
    {
        var before = await StateAsync();

        var refused = await Assert.ThrowsAsync<StartupException>(() => host.Server.AppliesAsync(json, prune));

        Assert.Contains($"is not applied: {path} ", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, await StateAsync());
    }

    [Fact]
    public async Task A_manifest_that_is_too_large_is_not_read()
    {
        var refused = await Assert.ThrowsAsync<StartupException>(() => host.Server.AppliesAsync(new string(' ', 4 * 1024 * 1024 - 1) + "{}"));

        Assert.EndsWith("is larger than 4194304 bytes.", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_byte_order_mark_is_accepted() => Assert.Equal(0, (await host.Server.AppliesAsync("\uFEFF{}")).Count);

    private Task<string> StateAsync() => host.Server.AskAsync(async db =>
        $"{await db.Configuration.Select(row => row.Version).SingleAsync()} {await db.Clients.CountAsync()} {await db.Resources.CountAsync()} {await db.Roles.CountAsync()} {await db.Users.CountAsync()} {await db.UserRoles.CountAsync()}");
}
