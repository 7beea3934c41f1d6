using System.Xml.Linq;
using ArchUnitNET.xUnitV3;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Architecture;

/// <summary>The rules of dependency of the design. That each can fail, <see cref="PlantedTests"/> shows.</summary>
public sealed class DependencyTests
{
    private static readonly Rules Server = new(Rules.Server);

    public static TheoryData<string> SliceNames => [.. Rules.Slices];

    public static TheoryData<string> TextSources => [.. Programs.Texts.Keys];

    [Fact]
    public void The_programs_were_read()
    {
        var types = Programs.Server.Types.ToList();
        var rooms = types.Select(Server.RoomOf).ToHashSet();

        Assert.True(types.Count > 400, $"{types.Count} types of the server");
        Assert.True(types.Sum(type => type.Dependencies.Count) > 10_000);
        Assert.True(Programs.ResourceServers.Types.Count() > 50);
        Assert.Superset(Rules.Slices.Concat(Rules.BelowTheSlices).Concat(Rules.AboveStorage).ToHashSet(), rooms!);
    }

    [Fact]
    public void The_texts_were_read()
    {
        var server = Programs.Texts["IdentityServer"];

        Assert.True(server.Count > 2_000, $"{server.Count} texts of the server");
        Assert.True(server.Count(literal => Literals.IsSql(literal.Text)) > 80, $"{server.Count(literal => Literals.IsSql(literal.Text))} statements of the server");
        Assert.Contains(server, literal => literal.Holder == "IdentityServer.Storage.GrantStore" && literal.Text.StartsWith("UPDATE grants g", StringComparison.Ordinal));
        Assert.Contains(Programs.Texts["ResourceApi"], literal => literal.Holder == "ResourceApi.Storage.ItemStore" && Literals.IsSql(literal.Text));
    }

    [Fact]
    public void The_words_of_the_protocol_know_nobody() => Server.KnowsNobody("Protocol").Check(Programs.Server);

    [Fact]
    public void JWTs_know_nobody_of_ours() => Server.KnowsNobodyOfOurs("Protocol.Jwt").Check(Programs.Server);

    [Fact]
    public void What_the_audit_trail_tells_knows_nobody_of_ours() => Server.KnowsNobodyOfOurs("Audit").Check(Programs.Server);

    [Theory, MemberData(nameof(SliceNames))]
    public void A_slice_knows_no_other_slice(string slice) => Server.SliceKnowsNoOther(slice).Check(Programs.Server);

    [Fact]
    public void What_lies_below_the_slices_knows_none_of_them() => Server.BelowKnowsNoSlice().Check(Programs.Server);

    [Fact]
    public void Storage_knows_no_tokens_no_HTTP_and_no_configuration() => Server.StorageKnowsNothingAbove().Check(Programs.Server);

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
    public void Resource_servers_know_no_server(string assembly)
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
    public void The_rooms_of_the_server_are_free_of_circles() => Server.RoomsAreFreeOfCircles().Check(Programs.Server);

    [Fact]
    public void The_rooms_of_the_resource_API_are_free_of_circles() => new Rules("ResourceApi").RoomsAreFreeOfCircles().Check(Programs.ResourceServers);

    internal static IEnumerable<string> References(XDocument project) =>
        project.Descendants("ProjectReference").Select(reference => Path.GetFileNameWithoutExtension(((string)reference.Attribute("Include")!).Replace('\\', '/')));
}
