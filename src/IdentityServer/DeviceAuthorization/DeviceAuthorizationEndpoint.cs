using System.Text.Json;
using Hosting;
using IdentityServer.ClientAuthentication;
using IdentityServer.Configuration;
using IdentityServer.Http;
using IdentityServer.Limits;
using IdentityServer.Pages;
using IdentityServer.Protocol;
using IdentityServer.Settings;
using IdentityServer.Storage;
using IdentityServer.Tokens;
using Postgres;

namespace IdentityServer.DeviceAuthorization;

/// <summary>
/// <c>POST /connect/device_authorization</c> (RFC 8628 §3.1): a device without a browser gets a code to poll with, and one that
/// its user types elsewhere. The client authenticates as at the token endpoint.
/// </summary>
internal sealed class DeviceAuthorizationEndpoint(
    ClientAuthenticator clients, DeviceStore devices, UserCodes userCodes, CurrentKeys keys, CurrentConfiguration configuration, IssuerSettings issuer, DeviceCodeSettings settings,
    DatabaseGate database, RequestLimits limits, TimeProvider time)
{
    /// <summary>Seconds between polls at first (RFC 8628 §3.2).</summary>
    private const int Interval = 5;

    /// <summary>Of a million live codes one in 25,600 is taken: three times in a row will not be chance.</summary>
    private const int Tries = 3;

    public async Task HandleAsync(HttpContext http)
    {
        var answer = await AnswerAsync(http);
        await (answer.IsRefused
            ? OAuthAnswer.WriteAsync(http, answer.Error)
            : OAuthAnswer.WriteAsync(http, StatusCodes.Status200OK, answer.Value, Write));
    }

    private async ValueTask<Result<NewDevice>> AnswerAsync(HttpContext http)
    {
        if (limits.Refuse(Limit.Device, http) is { } tooMany)
            return tooMany;
        var parameters = await OAuthForm.ReadAsync(http);
        if (parameters.IsRefused)
            return parameters.Error;
        var client = await clients.AuthenticateAsync(http, parameters.Value);
        if (client.IsRefused)
            return client.Error;
        if (!client.Value.MayUse(GrantTypes.DeviceCode))
            return Errors.GrantTypeNotAllowed;
        var scope = RequestedScope.Read(client.Value, parameters.Value);
        if (scope.IsRefused)
            return scope.Error;
        var resources = ResourceIndicators.Read(parameters.Value, client.Value, configuration.Value);
        if (resources.IsRefused)
            return resources.Error;
        if (ResourceIndicators.Refuse(scope.Value, resources.Value) is { } useless)
            return useless;
        var narrowed = resources.Value.Length == 0 ? null : ResourceIndicators.IdentifiersOf(resources.Value);

        using var place = database.TryEnter();
        if (place.IsRefused)
            return Errors.Busy;
        var now = time.GetUtcNow();
        for (var tries = 0; tries < Tries; tries++)
        {
            var device = new NewDevice(GrantIds.Create(now), userCodes.Create(), client.Value.ClientId, scope.Value.ToArray(), narrowed, now, now + settings.Lifetime, Interval);
            if (await devices.TryAddAsync(device, http.Deadline()).WithinDeadline(http))
                return device;
        }
        return Errors.Busy;
    }

    private void Write(Utf8JsonWriter json, NewDevice device)
    {
        var userCode = UserCodes.Show(device.UserCode);
        var address = issuer.At(DeviceRoutes.Device);
        json.WriteString(Parameters.DeviceCode, GrantHandle.Write(HandleKind.DeviceCode, keys.Value.Handles, device.Id, 0, device.CreatedAt));
        json.WriteString(Parameters.UserCode, userCode);
        json.WriteString(Parameters.VerificationUri, address);
        json.WriteString(Parameters.VerificationUriComplete, $"{address}?{Parameters.UserCode}={userCode}");
        json.WriteNumber(Parameters.ExpiresIn, (int)settings.Lifetime.TotalSeconds);
        json.WriteNumber(Parameters.Interval, Interval);
    }
}
