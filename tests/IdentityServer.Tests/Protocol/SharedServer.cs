using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Dpop;
using IdentityServer.Clients;
using IdentityServer.Protocol;
using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using OpenIddict.Abstractions;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

/// <summary>One server for all tests of a class; each test that harms an account makes its own.</summary>
public sealed class SharedServer : IAsyncLifetime
{
    internal ServerUnderTest Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await ServerUnderTest.StartAsync();

    public async ValueTask DisposeAsync() => await Server.DisposeAsync();
}

/// <summary>Helpers for tests of the protocol.</summary>
internal static class Around
{
    private static readonly string[] Names = [.. typeof(OpenIddictConstants.Parameters).GetFields().Where(field => field.IsLiteral).Select(field => (string)field.GetValue(null)!)];

    /// <summary>Those of the catalogue and of OpenIddict's own rules, which name only parameters.</summary>
    private static readonly HashSet<string> Descriptions =
    [
        .. typeof(Errors).GetFields().Select(field => field.GetValue(null)).OfType<OAuthError>().Select(error => error.Description),
        .. new Func<object, string>[]
        {
            OpenIddictResources.FormatID2028, OpenIddictResources.FormatID2029, OpenIddictResources.FormatID2032, OpenIddictResources.FormatID2052,
            OpenIddictResources.FormatID2074,
        }.SelectMany(Names.Select),
        .. Names.SelectMany(one => Names.Select(other => OpenIddictResources.FormatID2037(one, other))),
        OpenIddictResources.FormatID2058(Parameters.DeviceCode),
        OpenIddictResources.FormatID2059(Parameters.Username, Parameters.Password),
    ];

    private static int _users;

    /// <summary>A refusal as every endpoint writes it. Its text is from the catalogue and echoes nothing.</summary>
    public static void Refuses(this Answer answer, HttpStatusCode status, string error)
    {
        Assert.Equal((status, error), (answer.Status, answer.Error));
        Assert.Contains(answer["error_description"]!, Descriptions);
        Assert.Equal("application/json", answer.Message.Content.Headers.ContentType?.ToString());
        answer.IsNeverStored();
        Assert.Equal(status == HttpStatusCode.Unauthorized, answer.Message.Headers.WwwAuthenticate.Count > 0);
    }

    public static void Refuses(this Answer answer, string error) => answer.Refuses(HttpStatusCode.BadRequest, error);

    public static void IsNeverStored(this Answer answer) =>
        Assert.Equal("no-store", answer.Message.Headers.CacheControl?.ToString());

    /// <summary>Everything by which a caller could tell two answers apart, except the date.</summary>
    public static string Visible(this Answer answer) => string.Join('\n',
        [$"{(int)answer.Status}", .. answer.Message.Headers.Concat(answer.Message.Content.Headers)
            .Where(header => header.Key != "Date").Select(header => $"{header.Key}: {string.Join(',', header.Value)}"), answer.Body]);

    public static async Task<string> HasUserAsync(this ServerUnderTest server, string password = World.AlicePassword, string? name = null)
    {
        name ??= $"user{Interlocked.Increment(ref _users)}";
        await server.ChangeAsync(db => db.Users.Add(World.CreateUser(server.Services, name, $"{name}@example.com", password)));
        return name;
    }

    public static string SecretHash(this ServerUnderTest server, string secret) => server.Services.GetRequiredService<ClientSecrets>().Hash(secret);

    public static async Task ChangeAsync(this ServerUnderTest server, Action<AuthDb> change)
    {
        await using var scope = server.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<AuthDb>();
        change(db);
        await db.SaveChangesAsync();
    }

    /// <summary>Changes what nodes hold in memory, and waits until this one follows.</summary>
    public static async Task ConfiguresAsync(this ServerUnderTest server, Action<AuthDb> change)
    {
        await server.ChangeAsync(change);
        await server.ExecuteAsync("UPDATE configuration SET version = version + 1");
        await server.FollowsAsync();
    }

    public static async Task<int> ExecuteAsync(this ServerUnderTest server, string sql, params object[] values)
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString);
        await connection.OpenAsync();
        await using var command = Command(connection, sql, values);
        return await command.ExecuteNonQueryAsync();
    }

    public static async Task<T> ReadAsync<T>(this ServerUnderTest server, string sql, params object[] values)
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString);
        await connection.OpenAsync();
        await using var command = Command(connection, sql, values);
        return (T)Convert.ChangeType((await command.ExecuteScalarAsync())!, typeof(T), CultureInfo.InvariantCulture);
    }

    /// <summary>A UUID, which <see cref="ReadAsync{T}"/> can't convert to.</summary>
    public static async Task<Guid> ReadIdAsync(this ServerUnderTest server, string sql, params object[] values)
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString);
        await connection.OpenAsync();
        await using var command = Command(connection, sql, values);
        return (Guid)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>
    /// Runs <paramref name="act"/> while a transaction holds its row, and commits that once act waits. No timing.
    /// </summary>
    public static async Task<T> WaitsForAsync<T>(this ServerUnderTest server, Func<Task<T>> act, string sql, params object[] values)
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await Command(connection, sql, values).ExecuteNonQueryAsync();
        var acting = act();
        await SoonAsync(
            async () => acting.IsCompleted || await server.ReadAsync<bool>("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid)))", connection.ProcessID), "it waits for the transaction");
        Assert.False(acting.IsCompleted, "It did not wait for the row.");
        await transaction.CommitAsync();
        return await acting;
    }

    public static NpgsqlCommand Command(NpgsqlConnection connection, string sql, params object[] values)
    {
#pragma warning disable CA2100 // Tests write their own SQL.
        var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        foreach (var value in values)
            command.Parameters.Add(new() { Value = value });
        return command;
    }

    /// <summary>The claims of a token, unverified.</summary>
    public static JsonElement Claims(string? token) => Part(token, 1);

    public static JsonElement Header(string? token) => Part(token, 0);

    /// <summary>Retries until it is true: for effects of another node or of a beat.</summary>
    public static Task SoonAsync(Func<Task<bool>> isSo, string what) => Wait.UntilAsync(isSo, what);

    /// <summary>Waits until the node holds the configuration and the keys that the database does.</summary>
    public static Task FollowsAsync(this ServerUnderTest server) => SoonAsync(
        async () => server.Services.GetRequiredService<CurrentConfiguration>().Value.Version == await server.ReadAsync<long>("SELECT version FROM configuration"),
        "the configuration in force");

    private static JsonElement Part(string? token, int index)
    {
        Assert.True(StrictBase64Url.TryDecode(token!.Split('.')[index], out var bytes));
        return JsonDocument.Parse(Encoding.UTF8.GetString(bytes!)).RootElement;
    }
}
