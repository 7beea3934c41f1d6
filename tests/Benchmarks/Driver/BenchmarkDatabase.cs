using System.Globalization;
using IdentityServer;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Accounts.Sessions;
using IdentityServer.Clients;
using IdentityServer.Keys;
using IdentityServer.Protocol;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Settings;
using IdentityServer.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Benchmarks.Driver;

/// <summary>
/// The server's database, migrated by the server's own code and filled in bulk. The same code, which here never
/// serves, prepares tokens: handles and access tokens with the keys that the measured server reads.
/// </summary>
internal sealed class BenchmarkDatabase : IAsyncDisposable
{
    public const string ClientId = "bench";
    public const string ClientSecret = "bench-secret";
    public const string ResourceClientId = "bench-api";

    /// <summary>The client of the authorization code flow, which asks no user for consent.</summary>
    public const string WebClientId = "bench-web";
    public const string WebCallback = "https://client.example/callback";
    public const string Password = "correct horse battery staple";

    private readonly WebApplication _server;
    private readonly NpgsqlDataSource _source;
    private readonly Client _client;
    private readonly string _passwordHash;
    private int _batches;

    /// <param name="source">Not the server's, whose statements have a deadline.</param>
    private BenchmarkDatabase(string name, WebApplication server, NpgsqlDataSource source, int users, string passwordHash)
    {
        (Name, _server, _source, Users, _passwordHash) = (name, server, source, users, passwordHash);
        _client = server.Services.GetRequiredService<CurrentConfiguration>().Value.FindClient(ClientId)!;
    }

    public string Name { get; }

    public int Users { get; }

    private T Get<T>() where T : notnull => _server.Services.GetRequiredService<T>();

    public static async Task<BenchmarkDatabase> CreateAsync(Lab lab, string name, int users, CancellationToken cancellationToken)
    {
        await lab.CreateDatabaseAsync(name, cancellationToken);
        var server = await IdentityServer.Program.BuildAsync(
            [.. lab.ServerSettings(name, lab.Issuer).Select(setting => $"--{setting.Key.Replace("__", ":", StringComparison.Ordinal).Replace("ASPNETCORE_", "", StringComparison.Ordinal)}={setting.Value}")]);
        var serve = CommandLine.Parse([]);
        await IdentityServer.Program.PrepareAsync(server, serve);

        var services = server.Services;
        var secret = services.GetRequiredService<ClientSecrets>().Hash(ClientSecret);
        var hash = services.GetRequiredService<IPasswordHasher<User>>().HashPassword(new User(), Password);
        var source = NpgsqlDataSource.Create(lab.ConnectionString(name));
        await using (var fill = source.CreateCommand(string.Create(CultureInfo.InvariantCulture,
            $"""
            INSERT INTO clients (client_id, auth_method, secret_hashes, grant_types, scopes, redirect_uris, disabled)
            SELECT id, 'client_secret_basic', ARRAY['{secret}'], ARRAY['client_credentials', 'refresh_token', 'password'],
                   ARRAY['data:read', 'data:write', 'offline_access'], ARRAY[]::text[], false
            FROM unnest(ARRAY['{ClientId}', '{ResourceClientId}']) id;
            INSERT INTO clients (client_id, auth_method, secret_hashes, grant_types, scopes, redirect_uris, disabled, metadata)
            VALUES ('{WebClientId}', 'client_secret_basic', ARRAY['{secret}'], ARRAY['authorization_code'],
                    ARRAY['openid', 'data:read', 'data:write'], ARRAY['{WebCallback}'], false, jsonb_build_object('require_consent', false));
            INSERT INTO resources (identifier, name, scopes, client_id) VALUES ('{Lab.Resource}', 'Data store', ARRAY['data:read', 'data:write'], '{ResourceClientId}');
            INSERT INTO users (id, user_name, normalized_user_name, email_confirmed, password_hash, security_stamp, phone_number_confirmed,
                               two_factor_enabled, lockout_enabled, access_failed_count, created_at)
            SELECT {UserId("n")}, 'user' || n, 'user' || n, false, '{hash}', 'stamp', false, false, true, 0, now() FROM generate_series(0, {users - 1}) n;
            UPDATE configuration SET version = version + 1;
            """)))
        {
            fill.CommandTimeout = 600;
            await fill.ExecuteNonQueryAsync(cancellationToken);
        }
        await services.GetRequiredService<Pulse>().BeatAsync(cancellationToken);
        return new BenchmarkDatabase(name, server, source, users, hash);
    }

    /// <summary>Adds live grants, as a sign-in writes them.</summary>
    /// <param name="expired">Expired instead, and to be pruned from this moment on.</param>
    public async Task<GrantBatch> AddGrantsAsync(int count, CancellationToken cancellationToken, DateTimeOffset? expired = null)
    {
        var now = TimeProvider.System.GetUtcNow();
        var batch = new GrantBatch(now, ++_batches, count);
        var settings = Get<RefreshTokenSettings>();
        // A grant is kept until its last access token has expired too.
        var created = expired is null ? now : now.AddHours(-3);
        var expires = expired is null ? now + settings.Lifetime : now.AddHours(-1);
        await ExecuteAsync(
            $"""
            INSERT INTO grants (id, client_id, subject, scopes, generation, created_at, expires_at, absolute_expires_at, prunable_at, security_stamp)
            SELECT {batch.IdOf("n")}, '{ClientId}', {UserId($"n % {Users.ToString(CultureInfo.InvariantCulture)}")}, ARRAY['data:read', 'data:write', 'offline_access'],
                   0, $1, $2, $3, $4, 'stamp'
            FROM generate_series(0, {(count - 1).ToString(CultureInfo.InvariantCulture)}) n
            """,
            cancellationToken, created, expires, now + settings.AbsoluteLifetime, expired ?? settings.PrunableAfter(expires));
        return batch;
    }

    /// <summary>The refresh tokens of grants that have not been refreshed yet.</summary>
    public IEnumerable<string> RefreshTokens(GrantBatch batch, IEnumerable<int> which)
    {
        var keys = Get<CurrentKeys>().Value.Handles;
        return which.Select(n => GrantHandle.Write(keys, batch.Id(n), 0, batch.At));
    }

    /// <summary>Access tokens of the client, each another.</summary>
    public IEnumerable<string> AccessTokens(int count)
    {
        var issuer = Get<AccessTokenWriter>();
        var scopes = _client.Scopes.Without(Scopes.OfflineAccess);
        return Enumerable.Range(0, count).Select(_ => issuer.IssueAccessToken(new Issuance(_client, scopes)).Text);
    }

    /// <summary>The cookie of a browser in which a user is signed in.</summary>
    public async Task<string> SignInBrowserAsync(int user)
    {
        var http = new DefaultHttpContext();
        var id = Guid.Parse(string.Create(CultureInfo.InvariantCulture, $"00000000-0000-4000-8000-{user:D12}"));
        return await Get<BrowserSessions>().TryStartAsync(http, new CheckedUser(id, "stamp", [], null, null), isRemembered: false)
            ? http.Response.Headers.SetCookie.ToString().Split(';')[0]
            : throw new InvalidOperationException("No browser can sign in.");
    }

    /// <summary>Whether our server signed this access token and it is still valid.</summary>
    public bool IsGenuine(string accessToken) => Get<AccessTokenVerifier>().FindLive(accessToken) is not null;

    /// <summary>Seconds of a core that hashing one password takes with the server's settings.</summary>
    public double TimeOneHash()
    {
        var hasher = Get<IPasswordHasher<User>>();
        var start = System.Diagnostics.Stopwatch.GetTimestamp();
        hasher.VerifyHashedPassword(new User(), _passwordHash, Password);
        return System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Removes what earlier jobs left, so that all start alike.</summary>
    public async Task ClearAsync(CancellationToken cancellationToken)
    {
        await ExecuteAsync("TRUNCATE grants, revocations", cancellationToken);
        await ExecuteAsync("SELECT pg_stat_reset()", cancellationToken);
        await ExecuteAsync("CHECKPOINT", cancellationToken);
    }

    public async Task ExecuteAsync(string sql, CancellationToken cancellationToken, params object[] parameters)
    {
        await using var connection = await _source.OpenConnectionAsync(cancellationToken);
        // Skips the foreign-key check of each bulk row; resetting the connection undoes the setting.
        await using (var lenient = new NpgsqlCommand("SET session_replication_role = replica", connection))
            await lenient.ExecuteNonQueryAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 3600 };
        foreach (var parameter in parameters)
            command.Parameters.Add(new() { Value = parameter });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public async Task<T> QueryAsync<T>(string sql, CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand(sql);
        command.CommandTimeout = 600;
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>The share of updates that touched no index.</summary>
    public async Task<string> HotShareAsync(CancellationToken cancellationToken)
    {
        // Backends report their statistics a second later, and when they end.
        await Task.Delay(TimeSpan.FromSeconds(1.5), cancellationToken);
        var share = await QueryAsync<decimal>(
            "SELECT round(100.0 * sum(n_tup_hot_upd) / greatest(sum(n_tup_upd), 1), 1) FROM pg_stat_user_tables WHERE relname = 'grants'", cancellationToken);
        return string.Create(CultureInfo.InvariantCulture, $"{share}% of the updates of grants were HOT");
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        await _server.DisposeAsync();
    }

    private static string UserId(string n) => $"('00000000-0000-4000-8000-' || lpad(({n})::text, 12, '0'))::uuid";
}
