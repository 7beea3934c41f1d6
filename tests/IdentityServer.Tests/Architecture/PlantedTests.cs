using System.Xml.Linq;
using ArchUnitNET.Domain;
using ArchUnitNET.Fluent;
using IdentityServer.Tests.Architecture.Planted.Accounts.Api;
using IdentityServer.Tests.Architecture.Planted.Api;
using IdentityServer.Tests.Architecture.Planted.Audit;
using IdentityServer.Tests.Architecture.Planted.Clock;
using IdentityServer.Tests.Architecture.Planted.Protocol;
using IdentityServer.Tests.Architecture.Planted.Storage;
using IdentityServer.Tests.Architecture.Planted.Protocol.TokenEndpoint;
using IdentityServer.Tests.Architecture.Planted.Protocol.Tokens;
using Xunit;

namespace IdentityServer.Tests.Architecture;

/// <summary>Each rule of <see cref="DependencyTests"/> finds what is planted to break it, and nothing else.</summary>
public sealed class PlantedTests
{
    private const string Root = "IdentityServer.Tests.Architecture.Planted";

    private static readonly Rules Planted = new(Root);

    [Fact]
    public void A_dependency_is_found_where_none_is_allowed() => AssertFinds(Planted.KnowsNobody("Protocol"), typeof(ErrorThatCounts));

    [Fact]
    public void A_dependency_of_ours_is_found_where_none_is_allowed() => AssertFinds(Planted.KnowsNobodyOfOurs("Audit"), typeof(TrailThatCountsInALambda));

    [Fact]
    public void A_feature_that_depends_on_another_is_found() => AssertFinds(Planted.SliceKnowsNoOther("Protocol.TokenEndpoint"), typeof(EndpointThatKnowsRevocation));

    [Fact]
    public void A_layer_that_depends_on_a_feature_is_found() => AssertFinds(Planted.BelowKnowsNoSlice(), typeof(IssuerThatKnowsAnEndpoint));

    [Fact]
    public void Storage_that_depends_on_a_higher_layer_is_found() => AssertFinds(Planted.StorageKnowsNothingAbove(), typeof(StoreThatKnowsPasswords));

    [Fact]
    public void Statements_outside_Storage_are_found() => AssertFinds(Planted.OnlyStorageSendsStatements(), typeof(EndpointWithCommand), typeof(EndpointWithSqlByEfCore), typeof(EndpointWithQueryByEfCore), typeof(EndpointWithEntitiesByEfCore));

    [Fact]
    public void SQL_outside_Storage_is_found() => Assert.Equal(
        [typeof(EndpointWithSql).FullName!, typeof(EndpointWithSqlInLowerCase).FullName!],
        Literals.SqlOutside($"{Root}.Storage", Literals.Read(typeof(PlantedTests).Assembly.Location))
            .Select(literal => literal.Holder).Where(holder => holder.StartsWith(Root, StringComparison.Ordinal)).Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("SELECT 1")]
    [InlineData("select now()")]
    [InlineData("\n    WITH ended AS (\n        UPDATE grants SET revoked_at = $1")]
    [InlineData("INSERT INTO revocations (subject) VALUES ({0})")]
    [InlineData("LOCK TABLE keys IN SHARE ROW EXCLUSIVE MODE")]
    [InlineData("update users u set full_name = $1")]
    [InlineData("/* first */ Select id From users Where id = $1")]
    public void These_are_SQL_statements(string text) => Assert.True(Literals.IsSql(text));

    [Theory]
    [InlineData("Select an account from the list.")]
    [InlineData("Update your profile")]
    [InlineData("with")]
    [InlineData("The settings of SELECT")]
    public void These_are_not_SQL_statements(string text) => Assert.False(Literals.IsSql(text));

    [Fact]
    public void A_resource_server_that_depends_on_the_server_is_found()
    {
        AssertFinds(new Rules($"{Root}.Api").KnowsNoServer(), typeof(ApiThatKnowsTheServer));
        Assert.Equal(
            ["IdentityServer"],
            DependencyTests.References(XDocument.Parse("""<Project><ItemGroup><ProjectReference Include="../IdentityServer/IdentityServer.csproj" /></ItemGroup></Project>""")));
    }

    [Fact]
    public void A_reader_of_the_wall_clock_is_found() => AssertFinds(Planted.ReadsNoWallClock(), typeof(ReaderOfTheWallClock));

    [Fact]
    public void A_cycle_is_found()
    {
        var circle = Assert.Single(Planted.RoomsAreFreeOfCircles().Evaluate(Programs.Planted), result => !result.Passed);

        Assert.Contains("Accounts.Left -> Accounts.Right", circle.Description, StringComparison.Ordinal);
        Assert.Contains("Accounts.Right -> Accounts.Left", circle.Description, StringComparison.Ordinal);
    }

    private static void AssertFinds(IArchRule rule, params Type[] expected) => Assert.Equal(
        expected.Select(type => type.FullName!).Order(StringComparer.Ordinal),
        rule.Evaluate(Programs.Planted).Where(result => !result.Passed).Select(result => ((IType)result.EvaluatedObject).FullName).Order(StringComparer.Ordinal));
}
