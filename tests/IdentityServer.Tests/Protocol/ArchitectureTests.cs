using System.Reflection;
using System.Reflection.Emit;
using System.Xml.Linq;
using IdentityServer.Protocol;
using IdentityServer.Token.Grants;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

/// <summary>The rules of dependency of the design, read from what is compiled: signatures, fields and method bodies.</summary>
public sealed class ArchitectureTests
{
    private const BindingFlags All = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Assembly Server = typeof(Errors).Assembly;
    private static readonly string[] Slices =
    [
        "Token", "Introspection", "Revocation", "Discovery", "Accounts", "Manifest", "Registration", "DeviceAuthorization", "PushedAuthorization", "Authorization", "UserInfo", "Logout",
    ];
    private static readonly Dictionary<short, OpCode> OpCodesByValue = typeof(OpCodes).GetFields().Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => code.Value);
    private static readonly List<(Type From, Type To)> Dependencies = [.. Server.GetTypes().SelectMany(type => DependenciesOf(type).Distinct().Select(to => (type, to)))];

    public static TheoryData<string> SliceNames => [.. Slices];

    [Fact]
    public void The_reading_of_method_bodies_sees_what_is_there() =>
        Assert.Contains(Dependencies, dependency => dependency.From == typeof(Token.TokenEndpoint) || dependency is { From.Name: "TokenIssuer", To.Name: "Base64Url" });

    [Fact]
    public void Protocol_knows_nobody() =>
        Assert.Empty(Named(Dependencies.Where(dependency => IsIn(dependency.From, "Protocol") && !IsIn(dependency.To, "Protocol") && !IsBase(dependency.To))));

    [Fact]
    public void The_audit_trail_knows_nobody_of_ours() =>
        Assert.Empty(Named(Dependencies.Where(dependency => IsIn(dependency.From, "Audit") && dependency.To.Assembly == Server && !IsIn(dependency.To, "Audit"))));

    [Fact]
    public void Jose_knows_nobody() =>
        Assert.All(typeof(Jose.SigningKey).Assembly.GetReferencedAssemblies(), reference => Assert.StartsWith("System.", reference.Name, StringComparison.Ordinal));

    [Theory, MemberData(nameof(SliceNames))]
    public void A_slice_knows_no_other_slice(string slice) =>
        Assert.Empty(Named(Dependencies.Where(dependency => IsIn(dependency.From, slice) && Slices.Any(other => other != slice && IsIn(dependency.To, other)))));

    [Fact]
    public void What_lies_below_the_slices_knows_none_of_them()
    {
        string[] below = ["Audit", "AuthorizationRequests", "ClientAuthentication", "Tokens", "Storage", "Configuration", "Passwords", "Limits", "Dpop", "Http", "Outbound", "Settings", "Protection", "Protocol"];

        Assert.Empty(Named(Dependencies.Where(dependency => below.Any(layer => IsIn(dependency.From, layer)) && Slices.Any(slice => IsIn(dependency.To, slice)))));
    }

    [Fact]
    public void Storage_knows_no_tokens_no_HTTP_and_no_configuration()
    {
        string[] above = ["Tokens", "Configuration", "Http", "ClientAuthentication", "Limits", "Passwords", "Jobs"];

        Assert.Empty(Named(Dependencies.Where(dependency => IsIn(dependency.From, "Storage") && above.Any(layer => IsIn(dependency.To, layer)))));
    }

    [Fact]
    public void Only_the_hot_statements_go_past_EF_for_grants() =>
        Assert.DoesNotContain(
            Sources("src/IdentityServer").Where(file => !file.Contains("/Storage/", StringComparison.Ordinal) && !file.Contains("/Jobs/", StringComparison.Ordinal)),
            file => File.ReadAllText(file).Contains("UPDATE grants SET generation", StringComparison.Ordinal));

    [Theory]
    [InlineData("src/ResourceApi")]
    [InlineData("src/IdentityServer.ResourceServer")]
    public void Resource_servers_reference_no_server_assembly(string project)
    {
        var file = Assert.Single(Directory.GetFiles(Path.Combine(Repository.Root, project), "*.csproj"));
        var references = XDocument.Load(file).Descendants("ProjectReference").Select(reference => Path.GetFileName((string)reference.Attribute("Include")!));

        Assert.DoesNotContain("IdentityServer.csproj", references);
        foreach (var line in Sources(project).SelectMany(File.ReadLines).Where(line => line.StartsWith("using IdentityServer", StringComparison.Ordinal)))
            Assert.StartsWith("using IdentityServer.ResourceServer", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_description_of_an_error_is_ASCII_and_stands_once()
    {
        var descriptions = typeof(Errors).GetFields().Select(field => field.GetValue(null)).OfType<OAuthError>().Select(error => error.Description).ToList();

        Assert.NotEmpty(descriptions);
        Assert.Equal(descriptions.Count, descriptions.Distinct().Count());
        // RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E
        Assert.All(descriptions, description => Assert.DoesNotContain(description, c => c is < ' ' or > '~' or '"' or '\\'));
    }

    [Fact]
    public void What_is_advertised_is_what_the_token_endpoint_has()
    {
        var catalogue = new GrantCatalogue(null!, null!, null!, new ClientCredentialsGrant(null!), null!, null!);

        Assert.Equal(typeof(GrantTypes).GetFields().Where(field => field.IsLiteral).Select(field => (string)field.GetValue(null)!).Order(), GrantTypes.Served.Order());
        Assert.NotNull(catalogue.Find(GrantTypes.ClientCredentials));
    }

    private static IEnumerable<string> Named(IEnumerable<(Type From, Type To)> dependencies) => dependencies.Select(dependency => $"{dependency.From} knows {dependency.To}").Distinct();

    private static bool IsIn(Type type, string folder) =>
        type.Assembly == Server && type.Namespace is { } name && (name == $"IdentityServer.{folder}" || name.StartsWith($"IdentityServer.{folder}.", StringComparison.Ordinal));

    private static bool IsBase(Type type) =>
        type.Assembly.GetName().Name is { } name && (name.StartsWith("System.", StringComparison.Ordinal) || name == "netstandard")
        || type.FullName!.StartsWith("Microsoft.CodeAnalysis", StringComparison.Ordinal) || type.Namespace == "System.Runtime.CompilerServices";

    private static IEnumerable<string> Sources(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories).Where(file => !file.Contains("/obj/", StringComparison.Ordinal));

    private static IEnumerable<Type> DependenciesOf(Type type)
    {
        var found = new List<Type?> { type.BaseType };
        found.AddRange(type.GetInterfaces());
        found.AddRange(type.GetFields(All).Select(field => field.FieldType));
        foreach (var method in type.GetMethods(All).Cast<MethodBase>().Concat(type.GetConstructors(All)))
        {
            found.AddRange(method.GetParameters().Select(parameter => parameter.ParameterType));
            found.Add((method as MethodInfo)?.ReturnType);
            if (method.GetMethodBody() is not { } body)
                continue;
            found.AddRange(body.LocalVariables.Select(local => local.LocalType));
            found.AddRange(TokensIn(body.GetILAsByteArray()!).SelectMany(token => Resolve(type, method, token)));
        }
        return found.OfType<Type>().SelectMany(Unwrap).Where(to => !to.IsGenericParameter);
    }

    private static IEnumerable<Type> Unwrap(Type type) =>
        type.HasElementType ? Unwrap(type.GetElementType()!) : type.IsGenericType ? type.GetGenericArguments().SelectMany(Unwrap).Append(type.GetGenericTypeDefinition()) : [type];

    private static IEnumerable<Type?> Resolve(Type type, MethodBase method, int token)
    {
        var member = type.Module.ResolveMember(token, type.IsGenericType ? type.GetGenericArguments() : null, method.IsGenericMethod ? method.GetGenericArguments() : null);
        return member is Type itself ? [itself] : [member?.DeclaringType, (member as MethodInfo)?.ReturnType, (member as FieldInfo)?.FieldType];
    }

    /// <summary>The members that a body's instructions name (ECMA-335 §III.1.9).</summary>
    private static IEnumerable<int> TokensIn(byte[] body)
    {
        for (var at = 0; at < body.Length;)
        {
            short value = body[at++];
            if (value == 0xFE)
                value = (short)(0xFE00 | body[at++]);
            switch (OpCodesByValue[value].OperandType)
            {
                case OperandType.InlineMethod or OperandType.InlineField or OperandType.InlineType or OperandType.InlineTok:
                    yield return BitConverter.ToInt32(body, at);
                    at += 4;
                    break;
                case OperandType.InlineNone:
                    break;
                case OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar:
                    at++;
                    break;
                case OperandType.InlineVar:
                    at += 2;
                    break;
                case OperandType.InlineI8 or OperandType.InlineR:
                    at += 8;
                    break;
                case OperandType.InlineSwitch:
                    at += 4 + 4 * BitConverter.ToInt32(body, at);
                    break;
                default:
                    at += 4;
                    break;
            }
        }
    }
}
