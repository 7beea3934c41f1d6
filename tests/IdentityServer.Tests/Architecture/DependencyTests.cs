using System.Xml.Linq;
using ArchUnitNET.xUnitV3;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Architecture;

/// <summary>The dependency rules of the design. <see cref="PlantedTests"/> shows that each can fail.</summary>
public sealed class DependencyTests
{
    private static readonly Rules Server = new(Rules.Server);

    public static TheoryData<string> SliceNames => [.. Rules.Slices];

    public static TheoryData<string> TextSources => [.. Programs.Texts.Keys];

    [Fact]
    public void The_assemblies_were_loaded()
    {
        var types = Programs.Server.Types.ToList();
        var rooms = types.Select(Server.RoomOf).ToHashSet();

        Assert.True(types.Count > 400, $"{types.Count} types of the server");
        Assert.True(types.Sum(type => type.Dependencies.Count) > 10_000);
        Assert.True(Programs.ResourceServers.Types.Count() > 50);
        Assert.Superset(Rules.Slices.Concat(Rules.BelowTheSlices).Concat(Rules.AboveStorage).ToHashSet(), rooms!);
    }

    [Fact]
    public void The_string_literals_were_read()
    {
        var server = Programs.Texts["IdentityServer"];

        Assert.True(server.Count > 2_000, $"{server.Count} texts of the server");
        Assert.True(server.Count(literal => Literals.IsSql(literal.Text)) > 80, $"{server.Count(literal => Literals.IsSql(literal.Text))} statements of the server");
        Assert.Contains(server, literal => literal.Holder == "IdentityServer.Storage.GrantStore" && literal.Text.StartsWith("UPDATE grants g", StringComparison.Ordinal));
        Assert.Contains(Programs.Texts["ResourceApi"], literal => literal.Holder == "ResourceApi.Storage.ItemStore" && Literals.IsSql(literal.Text));
    }

    [Fact]
    public void The_protocols_constants_have_no_dependencies() => Server.KnowsNobody("Protocol").Check(Programs.Server);

    [Fact]
    public void JWTs_depend_on_nothing_else_of_ours() => Server.KnowsNobodyOfOurs("Protocol.Jwt").Check(Programs.Server);

    [Fact]
    public void The_audit_trails_constants_depend_on_nothing_else_of_ours() => Server.KnowsNobodyOfOurs("Audit").Check(Programs.Server);

    [Theory, MemberData(nameof(SliceNames))]
    public void A_feature_depends_on_no_other_feature(string slice) => Server.SliceKnowsNoOther(slice).Check(Programs.Server);

    [Fact]
    public void The_layers_below_the_features_depend_on_none_of_them() => Server.BelowKnowsNoSlice().Check(Programs.Server);

    [Fact]
    public void Storage_does_not_depend_on_tokens_HTTP_or_configuration() => Server.StorageKnowsNothingAbove().Check(Programs.Server);

    [Fact]
    public void Only_Storage_sends_statements()
    {
        Server.OnlyStorageSendsStatements().Check(Programs.Server);
        new Rules("ResourceApi").OnlyStorageSendsStatements().Check(Programs.ResourceServers);
    }

    [Theory, MemberData(nameof(TextSources))]
    public void Only_Storage_holds_SQL(string assembly) => Assert.Empty(Literals.SqlOutside($"{assembly}.Storage", Programs.Texts[assembly]));

    [Theory]
    [InlineData("ResourceApi")]
    [InlineData("IdentityServer.ResourceServer")]
    public void Resource_servers_do_not_depend_on_the_server(string assembly)
    {
        new Rules(assembly).KnowsNoServer().Check(Programs.ResourceServers);
        Assert.DoesNotContain("IdentityServer", References(XDocument.Load(Path.Combine(Repository.Root, "src", assembly, $"{assembly}.csproj"))));
    }

    [Fact]
    public void Nobody_reads_the_wall_clock()
    {
        Server.ReadsNoWallClock().Check(Programs.Server);
        new Rules("Dpop").ReadsNoWallClock().Check(Programs.Dpop);
        new Rules("ResourceApi").ReadsNoWallClock().Check(Programs.ResourceServers);
        new Rules("IdentityServer.ResourceServer").ReadsNoWallClock().Check(Programs.ResourceServers);
    }

    [Fact]
    public void The_servers_namespaces_have_no_cycles() => Server.RoomsAreFreeOfCircles().Check(Programs.Server);

    [Fact]
    public void The_resource_APIs_namespaces_have_no_cycles() => new Rules("ResourceApi").RoomsAreFreeOfCircles().Check(Programs.ResourceServers);

    internal static IEnumerable<string> References(XDocument project) =>
        project.Descendants("ProjectReference").Select(reference => Path.GetFileNameWithoutExtension(((string)reference.Attribute("Include")!).Replace('\\', '/')));
}
