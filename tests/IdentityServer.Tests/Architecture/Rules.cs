using System.Text.RegularExpressions;
using ArchUnitNET.Domain;
using ArchUnitNET.Domain.Dependencies;
using ArchUnitNET.Fluent;
using ArchUnitNET.Fluent.Conditions;
using ArchUnitNET.Fluent.Slices;
using ArchUnitNET.Fluent.Syntax.Elements.Types;
using static ArchUnitNET.Fluent.ArchRuleDefinition;

namespace IdentityServer.Tests.Architecture;

/// <summary>The dependency rules for all below a namespace: a program, or types planted to break them.</summary>
/// <param name="root">Each namespace directly below it is a room.</param>
internal sealed class Rules(string root)
{
    public const string Server = "IdentityServer";

    /// <summary>These contain rooms. The types directly in them form a room too: their shared constants.</summary>
    public static readonly string[] Houses = ["Protocol", "Accounts"];

    /// <summary>Rooms of endpoints.</summary>
    public static readonly string[] Slices =
    [
        "Protocol.TokenEndpoint", "Protocol.Introspection", "Protocol.Revocation", "Protocol.Discovery", "Protocol.ClientRegistration", "Protocol.DeviceAuthorization",
        "Protocol.PushedAuthorization", "Protocol.Authorization", "Protocol.UserInfo", "Protocol.Logout", "Accounts.Api", "Accounts.Pages", "Manifest",
    ];

    public static readonly string[] BelowTheSlices =
    [
        "Audit", "Clients", "Http", "Keys", "Limits", "Outbound", "Outbox", "Settings", "Storage", "Telemetry", "Accounts.Passwords", "Accounts.Sessions",
        "Protocol.AuthorizationRequests", "Protocol.ClientAuthentication", "Protocol.ClientDescriptions", "Protocol.Dispatching", "Protocol.Dpop", "Protocol.Grants", "Protocol.Jwt", "Protocol.Pipeline", "Protocol.Tokens",
    ];

    public static readonly string[] AboveStorage =
    [
        "Accounts", "Clients", "Http", "Jobs", "Keys", "Limits", "Protocol.ClientAuthentication", "Protocol.Grants", "Protocol.Tokens",
    ];

    /// <summary>These wire the program together, so they depend on every room and belong to none.</summary>
    private const string Composition = @"\.(Protocol\.Handlers|\w+Services)(/.*|\+.*)?$";

    // A connection or a transaction may be passed on: it decides who commits, not what is sent.
    private const string ConnectionsAndFailures =
        @"^(Npgsql\.(NpgsqlDataSource|NpgsqlConnection|NpgsqlTransaction|NpgsqlException|PostgresException|PostgresErrorCodes)|System\.Data\.IsolationLevel|System\.Data\.Common\.Db(Connection|Transaction|Exception))$";

    /// <summary>It depends only on the framework and itself; the namespaces below it count as others.</summary>
    public IArchRule KnowsNobody(string room)
    {
        var itself = $@"^{Regex.Escape($"{root}.{room}")}$";
        return Types().That().ResideInNamespaceMatching(itself).And().DoNotHaveFullNameMatching(Composition)
            .Should().NotDependOnAny(Types(true).That().DoNotResideInNamespaceMatching($@"^$|^(System|Microsoft\.CodeAnalysis)(\.|$)|{itself}"));
    }

    public IArchRule KnowsNobodyOfOurs(string room) =>
        Types().That().ResideInNamespaceMatching(In(room))
            .Should().NotDependOnAny(Types(true).That().ResideInNamespaceMatching(InRoot).And().DoNotResideInNamespaceMatching(In(room)));

    public IArchRule SliceKnowsNoOther(string slice) => KnowsNone([slice], Slices.Except([slice]));

    public IArchRule BelowKnowsNoSlice() => KnowsNone(BelowTheSlices, Slices);

    public IArchRule StorageKnowsNothingAbove() => KnowsNone(["Storage"], AboveStorage);

    public IArchRule OnlyStorageSendsStatements() =>
        Types().That().ResideInNamespaceMatching(InRoot).And().DoNotResideInNamespaceMatching(In("Storage"))
            .Should().NotDependOnAny(Types(true).That().ResideInNamespaceMatching(@"^(Npgsql|NpgsqlTypes|System\.Data|System\.Data\.Common)$").And().DoNotHaveFullNameMatching(ConnectionsAndFailures))
            .AndShould().FollowCustomCondition(
                type => Calls(type, @"^Microsoft\.EntityFrameworkCore\.Relational\w+Extensions\.(ExecuteSql|FromSql|SqlQuery)"), "send no SQL by EF Core");

    public IArchRule KnowsNoServer() =>
        Types().That().ResideInNamespaceMatching(InRoot)
            .Should().NotDependOnAny(Types(true).That().ResideInNamespaceMatching($@"^{Server}(\.(?!(ResourceServer|Tests)(\.|$)).*)?$"));

    /// <summary>The compiler enforces the same by BannedSymbols.txt, unless a pragma turns that off.</summary>
    public IArchRule ReadsNoWallClock() =>
        Types().That().ResideInNamespaceMatching(InRoot)
            .Should().FollowCustomCondition(
                type => Calls(type, @"^System\.DateTime(Offset)?\.get_(Now|UtcNow|Today)\(|^System\.Guid\.CreateVersion7\(\)|^System\.Threading\.Thread\.Sleep\("), "take time from TimeProvider");

    public IArchRule RoomsAreFreeOfCircles()
    {
        var rooms = new SliceRuleCreator();
        rooms.SetSliceAssignment(new SliceAssignment(type => RoomOf(type) is { } room ? SliceIdentifier.Of(room) : SliceIdentifier.Ignore(), $"that are rooms of {root}"));
        return new GivenSlices(rooms).Should().BeFreeOfCycles();
    }

    /// <summary>Null: the type wires rooms together, or lies outside them.</summary>
    public string? RoomOf(IType type)
    {
        if (Regex.IsMatch(type.FullName, Composition) || type.Namespace?.FullName is not { } name || !name.StartsWith(root + ".", StringComparison.Ordinal))
            return null;
        var path = name[(root.Length + 1)..].Split('.');
        return path.Length > 1 && Houses.Contains(path[0]) ? $"{path[0]}.{path[1]}" : path[0];
    }

    private TypesShouldConjunction KnowsNone(IEnumerable<string> rooms, IEnumerable<string> others) =>
        Types().That().ResideInNamespaceMatching(In([.. rooms])).And().DoNotHaveFullNameMatching(Composition)
            .Should().NotDependOnAny(Types(true).That().ResideInNamespaceMatching(In([.. others])));

    private string InRoot => $@"^{root.Replace(".", @"\.", StringComparison.Ordinal)}(\.|$)";

    private string In(params string[] rooms) => $@"^{root.Replace(".", @"\.", StringComparison.Ordinal)}\.({string.Join('|', rooms.Select(Regex.Escape))})(\.|$)";

    private static ConditionResult Calls(IType type, string forbidden)
    {
        var called = type.Dependencies.OfType<MethodCallDependency>()
            .Select(call => $"{call.TargetMember.DeclaringType.FullName}.{call.TargetMember.Name}")
            .FirstOrDefault(name => Regex.IsMatch(name, forbidden));
        return new ConditionResult(type, called is null, $"calls {called}");
    }
}
