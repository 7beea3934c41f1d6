namespace IdentityServer.Pages;

/// <summary>The device pages, relative to the issuer. The first is short because people type it.</summary>
internal static class DeviceRoutes
{
    public const string Device = PageRoutes.Device;
    public const string Allowed = "/device/allowed";
    public const string Denied = "/device/denied";
}
