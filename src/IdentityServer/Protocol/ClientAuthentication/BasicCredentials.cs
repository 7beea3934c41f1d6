using System.Buffers.Text;

namespace IdentityServer.Protocol.ClientAuthentication;

/// <summary>The Basic scheme as RFC 6749 §2.3.1 uses it: id and secret are form-urlencoded before base64.</summary>
internal static class BasicCredentials
{
    private const string Scheme = "Basic ";

    /// <summary>The most characters of the header; a longer one is refused undecoded.</summary>
    private const int MaximumLength = 8192;

    public static Result<PresentedClient> Read(string header)
    {
        if (!header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            return Errors.UnsupportedScheme;
        var encoded = header.AsSpan(Scheme.Length).Trim(' ');
        if (encoded.IsEmpty || encoded.Length > MaximumLength || !Base64.IsValid(encoded) || encoded.ContainsAny(" \t\r\n"))
            return Errors.MalformedBasic;

        var decoded = Convert.FromBase64String(encoded.ToString()).AsSpan();
        var colon = decoded.IndexOf((byte)':');
        if (colon <= 0
            || !FormUrlEncoding.TryDecode(decoded[..colon], out var clientId)
            || !FormUrlEncoding.TryDecode(decoded[(colon + 1)..], out var secret))
            return Errors.MalformedBasic;
        // RFC 6749 §2.3.1: an empty secret may be left out, so this counts as no secret.
        return new PresentedClient(clientId, secret.Length == 0 ? null : secret);
    }
}
