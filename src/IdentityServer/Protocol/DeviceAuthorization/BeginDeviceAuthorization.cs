using IdentityServer.Keys;
using IdentityServer.Pages;
using IdentityServer.Protocol.Pipeline;
using IdentityServer.Settings;
using IdentityServer.Storage;
using OpenIddict.Server;
using ServiceDefaults;
using ServiceDefaults.Storage;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.DeviceAuthorization;

/// <summary>Gives a device without a browser a code to poll with, and one for its user to type elsewhere (RFC 8628 §3.2).</summary>
internal sealed class BeginDeviceAuthorization(
    DeviceStore devices, UserCodes userCodes, CurrentKeys keys, IssuerSettings issuer, DeviceCodeSettings settings,
    DatabaseGate database, TimeProvider timeProvider) : IOpenIddictServerHandler<HandleDeviceAuthorizationRequestContext>
{
    /// <summary>Initial seconds between polls (RFC 8628 §3.2).</summary>
    private const int Interval = 5;

    /// <summary>With a million live codes one in 25,600 is taken, so three collisions in a row are not chance.</summary>
    private const int Tries = 3;

    public async ValueTask HandleAsync(HandleDeviceAuthorizationRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        var device = await BeginAsync(request);
        if (device.IsRefused)
        {
            request.Refuse(context, device.Error);
            return;
        }
        var userCode = UserCodes.Show(device.Value.UserCode);
        var address = issuer.At(DeviceRoutes.Device);
        context.Parameters[Parameters.DeviceCode] = GrantHandle.Write(HandleKind.DeviceCode, keys.Value.Handles, device.Value.Id, 0, device.Value.CreatedAt);
        context.Parameters[Parameters.UserCode] = userCode;
        context.Parameters[Parameters.VerificationUri] = address;
        context.Parameters[Parameters.VerificationUriComplete] = $"{address}?{Parameters.UserCode}={userCode}";
        context.Parameters[Parameters.ExpiresIn] = (int)settings.Lifetime.TotalSeconds;
        context.Parameters[Parameters.Interval] = Interval;
    }

    private async ValueTask<Result<NewDevice>> BeginAsync(ProtocolRequest request)
    {
        var asked = request.Find<AskedOfDevice>()!;
        using var place = database.TryEnter();
        if (place.IsRefused)
            return Errors.Busy;
        var now = timeProvider.GetUtcNow();
        for (var tries = 0; tries < Tries; tries++)
        {
            var device = new NewDevice(GrantIds.Create(now), userCodes.Create(), request.Client.ClientId, asked.Scopes.ToArray(), asked.Resources, now, now + settings.Lifetime, Interval);
            if (await devices.TryAddAsync(device, request.Http.Deadline()).WithinDeadline(request.Http))
                return device;
        }
        return Errors.Busy;
    }
}
