using System.Text.Json.Nodes;
using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Manifest;

/// <summary>The JSON Schema with which editors complete a manifest. <c>manifest-schema.sh</c> updates it.</summary>
public sealed class ManifestSchemaTests
{
    private static readonly string Published = Path.Combine(Repository.Root, "deploy", "manifest.schema.json");

    [Fact]
    public async Task The_published_schema_is_what_the_command_prints()
    {
        await using var program = ProgramProcess.Start(Path.Combine(AppContext.BaseDirectory, "IdentityServer.dll"), ["manifest-schema"]);

        Assert.Equal(0, await program.ExitsAsync());

        Assert.Equal(await File.ReadAllTextAsync(Published), string.Join('\n', program.Lines) + "\n");
    }

    [Theory]
    [InlineData("deploy/manifest.example.json"), InlineData("src/IdentityServer/manifest.development.json")]
    public async Task The_repositorys_manifests_name_the_schema_and_are_valid(string file)
    {
        var path = Path.Combine(Repository.Root, file);
        var manifest = JsonNode.Parse(await File.ReadAllTextAsync(path))!;

        Assert.Equal(Published, Path.GetFullPath((string)manifest["$schema"]!, Path.GetDirectoryName(path)!));
        Assert.Empty(await MistakesInAsync(manifest));
    }

    [Theory]
    [InlineData("""{"cleints":[]}"""), InlineData("""{"clients":null}"""), InlineData("""{"clients":[{}]}"""), InlineData("""{"clients":[{"client_id":null}]}""")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","grant_types":["implicit"]}]}"""), InlineData("""{"clients":[{"client_id":"a","client_secret":"x","grant_types":"password"}]}""")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":[]}]}"""), InlineData("""{"clients":[{"client_id":"a","client_secret":"x","contacts":["a","a"]}]}""")]
    [InlineData("""{"clients":[{"client_id":"a","client_secret":"x","default_max_age":-1}]}"""), InlineData("""{"clients":[{"client_id":"a","client_secret":"x","require_consent":"no"}]}""")]
    [InlineData("""{"resources":[{"name":"A"}]}"""), InlineData("""{"roles":[{"name":""}]}"""), InlineData("""{"users":[{"username":"a","profile":{"address":{"planet":"Earth"}}}]}""")]
    public async Task A_manifest_that_the_schema_refuses_is_not_applied(string json)
    {
        Assert.NotEmpty(await MistakesInAsync(JsonNode.Parse(json)!));
        using var file = new ManifestFile(json);
        Assert.Throws<StartupException>(() => IdentityServer.Manifest.ManifestReader.Read(file.Path, _ => null));
    }

    [Fact]
    public async Task The_schema_too_allows_null_to_reset_a_member() => Assert.Empty(await MistakesInAsync(JsonNode.Parse(
        """{"clients":[{"client_id":"a","client_secret":["x","y"],"scope":null,"jwks":null,"token_endpoint_auth_method":null}],"users":[{"email":"a@b.test","profile":{"address":null}}]}""")!));

    [Fact]
    public async Task A_manifest_that_names_its_schema_is_applied()
    {
        await using var server = await ServerUnderTest.StartAsync();

        Assert.Equal(["created role clerk"], (await server.AppliesAsync("""{"$schema":"https://schemas.example/any","roles":[{"name":"clerk"}]}""")).Lines);
    }

    private static async Task<List<string>> MistakesInAsync(JsonNode manifest)
    {
        var mistakes = new List<string>();
        Check(manifest, JsonNode.Parse(await File.ReadAllTextAsync(Published))!.AsObject(), mistakes);
        return mistakes;
    }

    /// <summary>The part of JSON Schema that ours uses.</summary>
    private static void Check(JsonNode? value, JsonObject schema, List<string> mistakes)
    {
        foreach (var (keyword, rule) in schema)
        {
            var isRight = (keyword, value) switch
            {
                ("type", _) => (string)rule! == (value?.GetValueKind() switch
                {
                    null => "null",
                    System.Text.Json.JsonValueKind.True or System.Text.Json.JsonValueKind.False => "boolean",
                    System.Text.Json.JsonValueKind.Number => "integer",
                    var kind => kind.ToString()!.ToLowerInvariant(),
                }),
                ("enum", _) => rule!.AsArray().Any(one => JsonNode.DeepEquals(one, value)),
                ("anyOf", _) => rule!.AsArray().Any(one => MistakesIn(value, one!.AsObject()).Count == 0),
                ("minLength", JsonValue text) when text.TryGetValue(out string? it) => it.Length >= (int)rule!,
                ("maxLength", JsonValue text) when text.TryGetValue(out string? it) => it.Length <= (int)rule!,
                ("minimum", JsonValue number) when number.TryGetValue(out int it) => it >= (int)rule!,
                ("maximum", JsonValue number) when number.TryGetValue(out int it) => it <= (int)rule!,
                ("minItems", JsonArray items) => items.Count >= (int)rule!,
                ("maxItems", JsonArray items) => items.Count <= (int)rule!,
                ("uniqueItems", JsonArray items) => items.Select(item => item?.ToJsonString()).Distinct().Count() == items.Count,
                ("items", JsonArray items) => items.All(item => MistakesIn(item, rule!.AsObject()).Count == 0),
                ("required", JsonObject members) => rule!.AsArray().All(name => members.ContainsKey((string)name!)),
                ("properties", JsonObject members) => members.All(member => rule![member.Key] is JsonObject its && MistakesIn(member.Value, its).Count == 0),
                _ => true,
            };
            if (!isRight)
                mistakes.Add($"{schema.GetPath()}: {keyword}");
        }
    }

    private static List<string> MistakesIn(JsonNode? value, JsonObject schema)
    {
        var mistakes = new List<string>();
        Check(value, schema, mistakes);
        return mistakes;
    }
}
