using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Http;
using IdentityServer.Limits;
using IdentityServer.Protocol.ClientDescriptions;
using IdentityServer.Settings;
using IdentityServer.Storage;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using ServiceDefaults.Http;
using ServiceDefaults.Storage;

namespace IdentityServer.Protocol.ClientRegistration;

/// <summary>
/// <c>POST /connect/register</c> (RFC 7591 §3): a client describes itself and is told its name and secret. When the answer is
/// written this node serves the client; the others do within a beat.
/// </summary>
internal sealed class RegistrationEndpoint(
    ClientRegistrationSettings settings, RegistrationReader descriptions, ClientSecrets secrets, RequestLimits limits, DatabaseGate database,
    IssuerSettings issuer, Pulse pulse, TimeProvider timeProvider)
{
    public async Task HandleAsync(HttpContext httpContext)
    {
        var registered = await RegisterAsync(httpContext);
        await RegistrationAnswer.WriteAsync(httpContext, registered, StatusCodes.Status201Created, issuer);
    }

    private async ValueTask<Result<RegisteredClient>> RegisterAsync(HttpContext httpContext)
    {
        if (limits.Refuse(Limit.ClientRegistration, httpContext) is { } tooMany)
            return tooMany;
        if (settings.Mode == RegistrationMode.InitialToken
            && !(RegistrationTokens.Read(httpContext) is { } initial && RegistrationTokens.IsAnyOf(initial, settings.InitialAccessTokens)))
            return Errors.RegistrationTokenRefused;

        var (body, fault) = await JsonBody.ReadAsync(httpContext);
        if (body is null)
            return RegistrationAnswer.ErrorOf(fault);
        using var read = body;
        var described = descriptions.Read(body.Root);
        if (described.IsRefused)
            return described.Error;

        var secret = TokenEndpointAuthMethods.HasSecret(described.Value.AuthMethod) ? RegistrationTokens.Create() : null;
        var hash = secret is null ? null : await secrets.TryHashAsync(secret, httpContext.RequestAborted);
        if (secret is not null && hash is null)
            return Errors.Busy;
        var token = RegistrationTokens.Create();
        var row = NewRow(described.Value, hash, token);

        using var place = database.TryEnter();
        if (place.IsRefused)
            return Errors.Busy;
        var audited = RegistrationAnswer.Audited(httpContext, row, AuditEvents.ClientRegistered, row.RegisteredAt!.Value);
        try
        {
            if (!await httpContext.InOwnScopeAsync((services, deadline) => TryStoreAsync(services.GetRequiredService<AuthDb>(), services.GetRequiredService<ApplicationManager>(), row, audited, deadline)))
                return Errors.TooManyClients;
        }
        // OpenIddict's own rules, should one of them be stricter than ours.
        catch (OpenIddictExceptions.ValidationException)
        {
            return Errors.RedirectUrisMalformed;
        }
        await pulse.FollowAsync();
        return new RegisteredClient(row, secret, token);
    }

    private ClientRow NewRow(ClientDescription described, string? secretHash, string token)
    {
        var row = new ClientRow
        {
            ClientId = RegistrationTokens.CreateClientId(),
            AuthMethod = described.AuthMethod,
            SecretHashes = secretHash is null ? [] : [secretHash],
            RegisteredAt = timeProvider.GetUtcNow(),
            RegistrationTokenHash = RegistrationTokens.HashOf(token),
        };
        described.WriteTo(row);
        return row;
    }

    private async Task<bool> TryStoreAsync(AuthDb db, ApplicationManager clients, ClientRow row, AuditEventRow audited, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        // First, for the lock on that row: of two at once the second counts the first.
        await ConfigurationRows.AnnounceAsync(db, cancellationToken);
        if (await db.Clients.CountAsync(client => client.RegisteredAt != null, cancellationToken) >= settings.MaxClients)
            return false;
        db.AuditEvents.Add(audited);
        await clients.CreateAsync(row, cancellationToken);
        await transaction.CommitAsync(CancellationToken.None);
        return true;
    }
}

/// <summary>What the endpoints of registration answer alike.</summary>
internal static class RegistrationAnswer
{
    public static Task WriteAsync(HttpContext httpContext, Result<RegisteredClient> result, int status, IssuerSettings issuer)
    {
        if (!result.IsRefused)
            return OAuthAnswer.WriteAsync(httpContext, status, (result.Value, issuer), static (json, what) => what.Value.WriteTo(json, what.issuer));
        return RefuseAsync(httpContext, result.Error);
    }

    public static Task RefuseAsync(HttpContext httpContext, OAuthError error)
    {
        // RFC 6750 §3: who came without a token is not told of an error in it.
        if (error == Errors.RegistrationTokenRefused)
            httpContext.Response.Headers.WWWAuthenticate = RegistrationTokens.Read(httpContext) is null ? "Bearer realm=\"IdentityServer\"" : "Bearer realm=\"IdentityServer\", error=\"invalid_token\"";
        return OAuthAnswer.WriteAsync(httpContext, error);
    }

    public static OAuthError ErrorOf(JsonFault fault) => fault switch
    {
        JsonFault.NotJson => Errors.NotJson,
        JsonFault.TooLarge => Errors.BodyTooLarge,
        _ => Errors.MalformedJson,
    };

    public static AuditEventRow Audited(HttpContext httpContext, ClientRow row, string what, DateTimeOffset at) =>
        new() { At = at, Event = what, ClientId = row.ClientId, RemoteAddress = Caller.AddressOf(httpContext) };

    public static void WriteTo(this ClientDescription described, ClientRow row)
    {
        row.Name = described.Name;
        row.AuthMethod = described.AuthMethod;
        row.GrantTypes = described.GrantTypes;
        row.Scopes = described.Scopes.ToArray();
        row.RedirectUris = described.RedirectUris;
        row.Metadata = described.Metadata.ToString();
    }
}
