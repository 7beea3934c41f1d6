using Microsoft.EntityFrameworkCore;
using Npgsql;

// Each type breaks the dependency rule in its name, or shows what is allowed. PlantedTests finds them.
#pragma warning disable IDE0130 // One file, but each type needs the namespace that its rule is about.

namespace IdentityServer.Tests.Architecture.Planted.Telemetry
{
    internal static class Meter
    {
        public static void Count()
        {
        }
    }
}

namespace IdentityServer.Tests.Architecture.Planted.Protocol
{
    internal static class ErrorThatCounts
    {
        public static void Raise() => Telemetry.Meter.Count();
    }

    internal static class ErrorOfTheFrameworkAlone
    {
        public static string Text(Exception exception) => exception.Message;
    }
}

namespace IdentityServer.Tests.Architecture.Planted.Audit
{
    internal static class TrailThatCountsInALambda
    {
        public static IEnumerable<int> Each(IEnumerable<int> events) => events.Select(each =>
        {
            Telemetry.Meter.Count();
            return each;
        });
    }
}

namespace IdentityServer.Tests.Architecture.Planted.Protocol.Revocation
{
    internal sealed class RevocationEndpoint;
}

namespace IdentityServer.Tests.Architecture.Planted.Protocol.TokenEndpoint
{
    internal sealed class EndpointThatKnowsRevocation(Revocation.RevocationEndpoint other)
    {
        public override string ToString() => $"{other}";
    }
}

namespace IdentityServer.Tests.Architecture.Planted.Protocol.Tokens
{
    internal static class IssuerThatKnowsAnEndpoint
    {
        public static async Task<bool> IsAsync(Task<object> endpoint) => await endpoint is Revocation.RevocationEndpoint;
    }
}

namespace IdentityServer.Tests.Architecture.Planted.Accounts.Passwords
{
    internal enum Outcome
    {
        Right,
    }
}

namespace IdentityServer.Tests.Architecture.Planted.Storage
{
    internal static class StoreThatKnowsPasswords
    {
        public static Task<Accounts.Passwords.Outcome[]> ReadAsync() => Task.FromResult<Accounts.Passwords.Outcome[]>([]);
    }

    internal static class StoreWithSql
    {
        public static async Task SendAsync(NpgsqlDataSource source)
        {
            await using var command = source.CreateCommand("DELETE FROM nothing");
            await command.ExecuteNonQueryAsync();
        }
    }
}

namespace IdentityServer.Tests.Architecture.Planted.Accounts.Api
{
    internal static class EndpointWithCommand
    {
        public static async Task SendAsync(NpgsqlDataSource source, string statement)
        {
            await using var command = source.CreateCommand(statement);
            await command.ExecuteNonQueryAsync();
        }
    }

    internal static class EndpointWithSqlByEfCore
    {
        public static Func<DbContext, Task<int>> Send(FormattableString statement) => async db => await db.Database.ExecuteSqlAsync(statement);
    }

    internal static class EndpointWithQueryByEfCore
    {
        public static Task<List<Guid>> ReadAsync(DbContext db, FormattableString statement) => db.Database.SqlQuery<Guid>(statement).ToListAsync();
    }

    internal static class EndpointWithEntitiesByEfCore
    {
        public static IQueryable<Exception> Read(DbContext db, FormattableString statement) => db.Set<Exception>().FromSql(statement);
    }

    internal static class EndpointWithSql
    {
        public static async Task<string> WriteAsync()
        {
            await Task.Yield();
            return "UPDATE users SET security_stamp = ''";
        }
    }

    internal static class EndpointWithSqlInLowerCase
    {
        public const string Text = "delete from users where id = $1";
    }

    internal static class EndpointThatPassesAConnectionOn
    {
        public static async Task BeginAsync(NpgsqlDataSource source, Func<NpgsqlConnection, NpgsqlTransaction, Task> work)
        {
            await using var connection = await source.OpenConnectionAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            await work(connection, transaction);
        }

        public static string Explain() => "Select a user, update the profile or delete it from the list.";
    }
}

namespace IdentityServer.Tests.Architecture.Planted.Api
{
    internal static class ApiThatKnowsTheServer
    {
        public static bool IsOfflineAccess(string scope) => scope == string.Concat(IdentityServer.Protocol.Scopes.OfflineAccess, IdentityServer.Protocol.GrantTypes.Served.Length);
    }
}

namespace IdentityServer.Tests.Architecture.Planted.Clock
{
#pragma warning disable RS0030 // The rule must find exactly what is banned.
    internal static class ReaderOfTheWallClock
    {
        public static async Task<DateTimeOffset> NowAsync()
        {
            await Task.Yield();
            return DateTimeOffset.UtcNow;
        }
    }
#pragma warning restore RS0030

    internal static class ReaderOfTimeProvider
    {
        public static DateTimeOffset Now(TimeProvider timeProvider) => timeProvider.GetUtcNow();
    }
}

namespace IdentityServer.Tests.Architecture.Planted.Accounts.Left
{
    internal static class KnowsRight
    {
        public static object See() => new Right.KnowsLeft();
    }
}

namespace IdentityServer.Tests.Architecture.Planted.Accounts.Right
{
    internal sealed class KnowsLeft
    {
        public static object See() => Left.KnowsRight.See();
    }
}
