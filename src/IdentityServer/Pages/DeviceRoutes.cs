namespace IdentityServer.Pages;

/// <summary>Where the pages of devices are, below the issuer. The first is typed from a screen across the room.</summary>
internal static class DeviceRoutes
{
    public const string Device = PageRoutes.Device;
    public const string Allowed = "/device/allowed";
    public const string Denied = "/device/denied";
}
