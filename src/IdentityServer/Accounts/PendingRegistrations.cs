using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Mail;
using IdentityServer.Outbox;
using IdentityServer.Pages;
using IdentityServer.Settings;
using IdentityServer.Storage;
using Microsoft.AspNetCore.DataProtection;
using Npgsql;

namespace IdentityServer.Accounts;

/// <summary>A registration from a browser that satisfies every rule.</summary>
/// <param name="ReturnUrl">Validated.</param>
/// <param name="BrowserHash">The hash of the requesting browser's cookie: <see cref="RegistrationCookie"/>.</param>
internal sealed record PendingRegistration(string UserName, string Email, string? FullName, string PasswordHash, string? ReturnUrl, byte[] BrowserHash);

/// <summary>
/// A browser must not learn which addresses have an account. So a registration is written to the outbox like a password reset, and
/// only the message to that address says more: it has a link that creates the account, or says that one already exists.
/// </summary>
internal sealed class PendingRegistrations(
    NpgsqlDataSource source, OutboxStore outbox, MailDelivery mail, IDataProtectionProvider protection, IssuerSettings issuer, EmailConfirmationSettings settings, TimeProvider timeProvider) : IOutboxDelivery
{
    private readonly IDataProtector _protector = protection.CreateProtector("IdentityServer.Accounts.PendingRegistrations");

    public string Kind => "registration";

    public int Workers => 2;

    public TimeSpan Deadline => TimeSpan.FromSeconds(30);

    /// <summary>Returns after the commit. Looks nothing up.</summary>
    public Task AddAsync(PendingRegistration registration, CancellationToken cancellationToken) =>
        outbox.AddAsync(Kind, Write(registration), settings.Lifetime, cancellationToken);

    /// <summary>Null: there is no such link, or it is used or expired.</summary>
    public async Task<PendingRegistration?> FindAsync(byte[] tokenHash, CancellationToken cancellationToken)
    {
        if (await PendingRegistrationStore.FindAsync(source, tokenHash, timeProvider.GetUtcNow(), cancellationToken) is not { } stored)
            return null;
        try
        {
            return Read(_protector.Unprotect(stored));
        }
        catch (CryptographicException)
        {
            // The Data Protection key ring was replaced.
            return null;
        }
    }

    /// <summary>Request, registration and message change in one transaction.</summary>
    public async Task<Delivery> DeliverAsync(OutboxMessage message, CancellationToken cancellationToken)
    {
        var registration = Read(message.Content);
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (!await OutboxStore.TryRemoveAsync(connection, message.Id, cancellationToken))
            return Delivery.Done;
        var expiresAt = timeProvider.GetUtcNow() + settings.Lifetime;
        if (await PendingRegistrationStore.FindOwnerAsync(connection, LoginName.Fold(registration.Email), cancellationToken) is { } address)
            await mail.AddAsync(connection, TellOwner(address), expiresAt, cancellationToken);
        else
        {
            var (token, hash) = ResetTokens.Create();
            await PendingRegistrationStore.StoreAsync(connection, hash, _protector.Protect(Write(registration)), expiresAt, cancellationToken);
            await mail.AddAsync(connection, SendLink(registration.Email, token), expiresAt, cancellationToken);
        }
        await transaction.CommitAsync(cancellationToken);
        mail.Wake();
        return Delivery.Done;
    }

    // Neither message contains anything from the request, since whoever typed the address may not be its reader.
    private Message SendLink(string email, string token) => new(
        email,
        "Confirm your e-mail address",
        string.Create(CultureInfo.InvariantCulture,
            $"""
            Somebody, most likely you, wants to create an account with this address at
            {issuer.Issuer}

            If it was you, open this address in the same browser and press the button there.
            The link works once, within {Math.Max(1, (int)settings.Lifetime.TotalHours)} hours:

            {issuer.At(PageRoutes.ConfirmEmail)}?token={token}

            If it was not you, do nothing, and no account will be created.
            """));

    private Message TellOwner(string email) => new(
        email,
        "You already have an account",
        $"""
        Somebody, most likely you, tried to create an account with this address at
        {issuer.Issuer}

        You already have one. To sign in with this address and your password:

        {issuer.At(PageRoutes.SignIn)}

        If you have forgotten your password, choose a new one:

        {issuer.At(PageRoutes.ForgotPassword)}

        If it was not you, do nothing. Nothing was changed.
        """);

    private static byte[] Write(PendingRegistration registration) => JsonSerializer.SerializeToUtf8Bytes(registration, PendingRegistrationJson.Default.PendingRegistration);

    private static PendingRegistration Read(byte[] json) => JsonSerializer.Deserialize(json, PendingRegistrationJson.Default.PendingRegistration)!;
}

[JsonSerializable(typeof(PendingRegistration))]
internal sealed partial class PendingRegistrationJson : JsonSerializerContext;
