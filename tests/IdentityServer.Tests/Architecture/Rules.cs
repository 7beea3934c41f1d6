using ArchUnitNET.Domain;
using ArchUnitNET.Domain.Dependencies;
using ArchUnitNET.Fluent;
using ArchUnitNET.Fluent.Conditions;
using ArchUnitNET.Fluent.Slices;
using ArchUnitNET.Fluent.Syntax.Elements.Types;
using static ArchUnitNET.Fluent.ArchRuleDefinition;

namespace IdentityServer.Tests.Architecture;

/// <summary>The rules of dependency for what stands below a namespace: a program, or what is planted to break the rules.</summary>
/// <param name="root">Each namespace right below it is a room.</param>
internal sealed class Rules(string root)
{
    public const string Server = "IdentityServer";

    /// <summary>Endpoint folders.</summary>
    public static readonly string[] Slices =
    [
        "Token", "Introspection", "Revocation", "Discovery", "Accounts", "Manifest", "Registration", "DeviceAuthorization", "PushedAuthorization", "Authorization", "UserInfo", "Logout",
    ];

    public static readonly string[] BelowTheSlices =
    [
        "Audit", "AuthorizationRequests", "ClientAuthentication", "Clients", "Tokens", "Storage", "Configuration", "Passwords", "Limits", "Dpop", "Jwt", "Http", "Outbound", "Pipeline", "Settings", "Protection", "Protocol",
    ];

    public static readonly string[] AboveStorage = ["Tokens", "Configuration", "Http", "ClientAuthentication", "Limits", "Passwords", "Jobs"];

    /// <summary>They put the program together, so they know every room, and belong to none.</summary>
    private const string Composition = @"\.Protocol\.(Handlers|ProtocolServices)(/.*|\+.*)?$";

    /// <summary>They know one another in a circle, which is to be dissolved. No other room may join.</summary>
    public static readonly string[] KnownCircle = ["Configuration", "Http", "Pages", "Passwords", "Storage", "Telemetry", "Tokens"];

    // A connection or a transaction may be passed on: it says who commits, and not what is sent.
    private const string ConnectionsAndFailures =
        @"^(Npgsql\.(NpgsqlDataSource|NpgsqlConnection|NpgsqlTransaction|NpgsqlException|PostgresException|PostgresErrorCodes)|System\.Data\.IsolationLevel|System\.Data\.Common\.Db(Connection|Transaction|Exception))$";

    /// <summary>Nothing but the framework and itself.</summary>
    /// <param name="room">Null: all that there is.</param>
    public IArchRule KnowsNobody(string? room = null)
    {
        var itself = room is null ? InRoot : In(room);
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

    /// <summary>The compiler says the same by BannedSymbols.txt, unless it is told not to.</summary>
    public IArchRule ReadsNoWallClock() =>
        Types().That().ResideInNamespaceMatching(InRoot)
            .Should().FollowCustomCondition(
                type => Calls(type, @"^System\.DateTime(Offset)?\.get_(Now|UtcNow|Today)\(|^System\.Guid\.CreateVersion7\(\)|^System\.Threading\.Thread\.Sleep\("), "take time from TimeProvider");

    /// <param name="known">Rooms that count as one.</param>
    public IArchRule RoomsAreFreeOfCircles(params string[] known)
    {
        var rooms = new SliceRuleCreator();
        rooms.SetSliceAssignment(new SliceAssignment(
            type => RoomOf(type) is { } room ? SliceIdentifier.Of(known.Contains(room) ? "the known circle" : room) : SliceIdentifier.Ignore(), $"that are rooms of {root}"));
        return new GivenSlices(rooms).Should().BeFreeOfCycles();
    }

    public string? RoomOf(IType type) =>
        !System.Text.RegularExpressions.Regex.IsMatch(type.FullName, Composition) && type.Namespace?.FullName is { } name && name.StartsWith(root + ".", StringComparison.Ordinal) ? name[(root.Length + 1)..].Split('.')[0] : null;

    private TypesShouldConjunction KnowsNone(IEnumerable<string> rooms, IEnumerable<string> others) =>
        Types().That().ResideInNamespaceMatching(In([.. rooms])).And().DoNotHaveFullNameMatching(Composition)
            .Should().NotDependOnAny(Types(true).That().ResideInNamespaceMatching(In([.. others])));

    private string InRoot => $@"^{root.Replace(".", @"\.", StringComparison.Ordinal)}(\.|$)";

    private string In(params string[] rooms) => $@"^{root.Replace(".", @"\.", StringComparison.Ordinal)}\.({string.Join('|', rooms)})(\.|$)";

    private static ConditionResult Calls(IType type, string forbidden)
    {
        var called = type.Dependencies.OfType<MethodCallDependency>()
            .Select(call => $"{call.TargetMember.DeclaringType.FullName}.{call.TargetMember.Name}")
            .FirstOrDefault(name => System.Text.RegularExpressions.Regex.IsMatch(name, forbidden));
        return new ConditionResult(type, called is null, $"calls {called}");
    }
}
