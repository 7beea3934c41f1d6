using OpenIddict.Abstractions;

namespace IdentityServer.Protocol.Pipeline;

internal static class ParameterExtensions
{
    /// <summary>Converts parameters for OpenIddict's rules.</summary>
    public static OpenIddictRequest ToMessage(this OAuthParameters parameters)
    {
        var message = new OpenIddictRequest();
        foreach (var (name, value) in parameters.Present)
            message.AddParameter(name, value);
        return message;
    }
}
