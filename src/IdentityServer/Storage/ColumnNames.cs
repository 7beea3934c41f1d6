using System.Text;

namespace IdentityServer.Storage;

/// <summary>Column names are in snake_case, so that the SQL of the hot statements needs no quotes.</summary>
internal static class ColumnNames
{
    public static string Of(Type entity, string property) => property switch
    {
        "TransactionId" when entity == typeof(RevocationRow) => "xid",
        "JwtId" => "jti",
        "IsRemembered" => "remembered",
        _ => Snake(property),
    };

    private static string Snake(string name)
    {
        var snake = new StringBuilder(name.Length + 8);
        for (var i = 0; i < name.Length; i++)
        {
            if (i > 0 && char.IsUpper(name[i]) && !char.IsUpper(name[i - 1]))
                snake.Append('_');
            snake.Append(char.ToLowerInvariant(name[i]));
        }
        return snake.ToString();
    }
}
