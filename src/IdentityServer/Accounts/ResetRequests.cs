using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using IdentityServer.Accounts.Api;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Mail;
using IdentityServer.Outbox;
using IdentityServer.Pages;
using IdentityServer.Settings;
using IdentityServer.Storage;
using Npgsql;

namespace IdentityServer.Accounts;

/// <summary>
/// Requests to <c>/auth/reset_password</c> are written to the outbox and processed in the background: the caller
/// can't tell from the answer or its time whether there was an account to look up, a token to store and a message to send.
/// An accepted request also survives the node that accepted it.
/// </summary>
internal sealed partial class ResetRequests(
    NpgsqlDataSource source, OutboxStore outbox, MailDelivery mail, IssuerSettings issuer, ResetTokenSettings settings, TimeProvider timeProvider, ILogger<ResetRequests> logger) : IOutboxDelivery
{
    public string Kind => "password_reset";

    public int Workers => 2;

    public TimeSpan Deadline => TimeSpan.FromSeconds(30);

    /// <summary>Returns after the commit. Ignores what is not an address.</summary>
    public Task AddAsync(string email, IPAddress? address, CancellationToken cancellationToken) =>
        LoginName.IsPossible(email)
            ? outbox.AddAsync(
                Kind, JsonSerializer.SerializeToUtf8Bytes(new ResetRequest(email, address?.ToString()), ResetRequestJson.Default.ResetRequest), settings.Lifetime, cancellationToken)
            : Task.CompletedTask;

    /// <summary>Request, token, audit event and message change in one transaction, so each exists once or not at all.</summary>
    public async Task<Delivery> DeliverAsync(OutboxMessage message, CancellationToken cancellationToken)
    {
        var request = JsonSerializer.Deserialize(message.Content, ResetRequestJson.Default.ResetRequest)!;
        var (token, hash) = ResetTokens.Create();
        var expiresAt = timeProvider.GetUtcNow() + settings.Lifetime;

        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (!await OutboxStore.TryRemoveAsync(connection, message.Id, cancellationToken))
            return Delivery.Done;
        var caller = new Caller(Client.AccountApi.ClientId, request.Address is null ? null : IPAddress.Parse(request.Address));
        var (userId, address) = await ResetTokenStore.StoreAsync(connection, LoginName.Fold(request.Email), hash, expiresAt, timeProvider.GetUtcNow(), caller, cancellationToken);
        if (address is not null)
            await mail.AddAsync(connection, Write(address, token), expiresAt, cancellationToken);
        await transaction.CommitAsync(cancellationToken);

        if (userId is not null && address is not null)
        {
            mail.Wake();
            LogStored(userId.Value);
        }
        return Delivery.Done;
    }

    /// <summary>Contains nothing from a request: no header, and no name that somebody chose.</summary>
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

                To choose a new password, open this address. It works once, within {minutes} minutes:

                {issuer.At(PageRoutes.ResetPassword)}?email={Uri.EscapeDataString(address)}&token={token}

                If you are asked for a reset token instead, it is:

                {token}

                Programs send it with your e-mail address and the new password to
                {issuer.At(AccountRoutes.ResetPassword)}

                If it was not you, do nothing: your password stays as it is.
                """));
    }

    [LoggerMessage(4300, LogLevel.Information, "A reset token for user {UserId} is on its way")]
    private partial void LogStored(Guid userId);
}

/// <param name="Address">The caller's address, for the audit trail.</param>
internal sealed record ResetRequest(string Email, string? Address);

[JsonSerializable(typeof(ResetRequest))]
internal sealed partial class ResetRequestJson : JsonSerializerContext;
