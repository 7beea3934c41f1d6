using System.Globalization;
using System.Net;
using System.Threading.Channels;
using IdentityServer.Audit;
using IdentityServer.Configuration;
using IdentityServer.Mail;
using IdentityServer.Passwords;
using IdentityServer.Settings;
using Npgsql;
using NpgsqlTypes;
using Postgres;

namespace IdentityServer.Accounts;

/// <summary>
/// Works off what <c>/auth/reset_password</c> was asked for, away from the request: the caller can't tell by the time
/// of the answer whether there was an account to look up, a token to store and a message to send.
/// </summary>
internal sealed partial class ResetRequests(
    NpgsqlDataSource source, Outbox outbox, IssuerSettings issuer, ResetTokenSettings settings, TimeProvider time, ILogger<ResetRequests> log) : BackgroundService
{
    private const int Capacity = 1000;
    private const int Workers = 4;
    private const int Attempts = 3;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>How long a program that ends goes on sending what it has promised.</summary>
    private static readonly TimeSpan LastCall = TimeSpan.FromSeconds(5);

    // One row a user: a newer token takes the place of the older.
    private const string StoreSql =
        """
        WITH stored AS (
            INSERT INTO reset_tokens (user_id, token_hash, expires_at)
            SELECT id, $2, $3 FROM users WHERE normalized_email = $1 AND disabled_at IS NULL
            ON CONFLICT (user_id) DO UPDATE SET token_hash = excluded.token_hash, expires_at = excluded.expires_at
            RETURNING user_id
        ), noted AS (
            INSERT INTO audit_events (at, event, subject, client_id, remote_address)
            SELECT $4, $5, user_id, $6, $7 FROM stored WHERE NOT $8
        )
        SELECT stored.user_id, users.email FROM stored JOIN users ON users.id = stored.user_id
        """;

    private readonly Channel<ResetRequest> _asked = Channel.CreateBounded<ResetRequest>(Capacity);

    /// <summary>False: too many wait already.</summary>
    public bool TryAdd(string email, IPAddress? address) => _asked.Writer.TryWrite(new ResetRequest(email, address));

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(Enumerable.Range(0, Workers).Select(_ => WorkAsync(stoppingToken)));

    private async Task WorkAsync(CancellationToken stoppingToken)
    {
        await foreach (var request in _asked.Reader.ReadAllAsync(stoppingToken))
        {
            if (request.Email.Length > LoginName.MaximumLength || !LoginName.IsWellFormed(request.Email))
                continue;
            for (var attempt = 1; attempt <= Attempts;)
            {
                var outcome = await ServeAsync(request, isLast: attempt == Attempts, stoppingToken);
                if (outcome == Outcome.Served)
                    break;
                if (outcome == Outcome.Failed && ++attempt > Attempts)
                    break;
                await Task.Delay(Pause, time, stoppingToken);
            }
        }
    }

    /// <summary>What was promised is sent before the program ends; nothing new comes any more.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _asked.Writer.TryComplete();
        if (ExecuteTask is { } serving)
            await Task.WhenAny(serving, Task.Delay(LastCall, cancellationToken));
        await base.StopAsync(cancellationToken);
    }

    private enum Outcome
    {
        Served,
        Failed,

        /// <summary>The database is away: it was promised, so it waits until the database is back.</summary>
        Postponed,
    }

    private async Task<Outcome> ServeAsync(ResetRequest request, bool isLast, CancellationToken cancellation)
    {
        Guid? userId = null;
        try
        {
            var (token, hash) = ResetTokens.Create();
            string? address;
            (userId, address) = await StoreAsync(request, hash, cancellation);
            request.IsNoted = true;
            if (userId is not null && address is not null && await outbox.TrySendAsync(Write(address, token), cancellation))
                LogSent(userId.Value);
            return Outcome.Served;
        }
        // Not the way out, which may be away for good.
        catch (Exception outage) when (userId is null && Outage.Is(outage) && !cancellation.IsCancellationRequested)
        {
            return Outcome.Postponed;
        }
        catch (Exception failure) when (!cancellation.IsCancellationRequested)
        {
            if (isLast)
                LogFailed(userId, failure);
            return Outcome.Failed;
        }
    }

    private async Task<(Guid?, string?)> StoreAsync(ResetRequest request, byte[] tokenHash, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(StoreSql);
        var now = time.GetUtcNow();
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = LoginName.Fold(request.Email) });
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = tokenHash });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = now + settings.Lifetime });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = now });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = AuditEvents.PasswordResetRequested });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = Client.AccountApi.ClientId });
        command.Parameters.Add(AuditTrail.Nullable(request.Address, NpgsqlDbType.Inet));
        command.Parameters.Add(new NpgsqlParameter<bool> { TypedValue = request.IsNoted });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        return await row.ReadAsync(cancellation) ? (row.GetGuid(0), row.GetString(1)) : (null, null);
    }

    /// <summary>Nothing in it comes from a request: no header, no name that somebody chose.</summary>
    private Message Write(string address, string token)
    {
        var minutes = Math.Max(1, (int)settings.Lifetime.TotalMinutes);
        return new Message(
            address,
            "Reset your password",
            string.Create(CultureInfo.InvariantCulture,
                $"""
                Somebody, most likely you, asked to reset the password of your account at
                {issuer.Issuer}

                Your reset token, good once and for {minutes} minutes:

                {token}

                Give it where you asked for it, or send it with your e-mail address and the
                new password to
                {issuer.At(AccountRoutes.ResetPassword)}

                If it was not you, do nothing: your password stays as it is.
                """));
    }

    [LoggerMessage(4300, LogLevel.Information, "A reset token went out to user {UserId}")]
    private partial void LogSent(Guid userId);

    [LoggerMessage(4301, LogLevel.Error, "The reset token of user {UserId} could not be sent")]
    private partial void LogFailed(Guid? userId, Exception failure);

    /// <summary>What was asked for, and whether the audit trail has it: another attempt stores another token for the same request.</summary>
    private sealed record ResetRequest(string Email, IPAddress? Address)
    {
        public bool IsNoted { get; set; }
    }
}
