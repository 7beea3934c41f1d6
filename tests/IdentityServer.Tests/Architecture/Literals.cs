using System.Text.RegularExpressions;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace IdentityServer.Tests.Architecture;

/// <summary>A string literal of a compiled method or constant.</summary>
/// <param name="Holder">The full name of the outermost type.</param>
internal sealed record Literal(string Holder, string Text);

/// <summary>The string literals of an assembly. ArchUnitNET's rules don't see these.</summary>
internal static partial class Literals
{
    public static List<Literal> Read(string assembly)
    {
        using var read = AssemblyDefinition.ReadAssembly(assembly);
        return
        [
            .. from type in read.MainModule.GetTypes()
               from text in type.Methods.Where(method => method.HasBody).SelectMany(method => method.Body.Instructions)
                   .Where(instruction => instruction.OpCode == OpCodes.Ldstr).Select(instruction => (string)instruction.Operand)
                   .Concat(type.Fields.Select(field => field.Constant).OfType<string>())
               select new Literal(Outermost(type).FullName, text),
        ];
    }

    /// <summary>Whether it is an SQL statement, or most of one.</summary>
    public static bool IsSql(string text) => Beginning().IsMatch(text) || Statement().IsMatch(text);

    public static IEnumerable<Literal> SqlOutside(string storage, IEnumerable<Literal> literals) =>
        literals.Where(literal => !literal.Holder.StartsWith($"{storage}.", StringComparison.Ordinal) && IsSql(literal.Text));

    private static TypeDefinition Outermost(TypeDefinition type) => type.DeclaringType is { } outer ? Outermost(outer) : type;

    // As we write it: keywords in capitals.
    [GeneratedRegex(@"^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|MERGE INTO|WITH \w+|LOCK TABLE|TRUNCATE|CREATE|ALTER|DROP|LISTEN|NOTIFY|COPY|VACUUM|ANALYZE|SET [a-z_]+ =)\b|\bFROM \w+ (\w+ )?WHERE\b")]
    private static partial Regex Beginning();

    // In any case.
    [GeneratedRegex(@"\b(insert\s+into\s+\w+\s*(\(|select\b|values\b)|delete\s+from\s+\w+\s+where\b|update\s+\w+\s+(\w+\s+)?set\s+\w+\s*=|select\s[^.]*\sfrom\s+\w+\s+(where|join|order|limit)\b)|^\s*select\s+(\d|\w+\()", RegexOptions.IgnoreCase)]
    private static partial Regex Statement();
}
