using OpenIddict.Abstractions;

namespace IdentityServer.Protocol.Pipeline;

internal static class ParameterExtensions
{
    /// <summary>The parameters as OpenIddict's rules read them.</summary>
    public static OpenIddictRequest ToMessage(this OAuthParameters parameters)
    {
        var message = new OpenIddictRequest();
        foreach (var (name, value) in parameters.Present)
            message.AddParameter(name, value);
        return message;
    }
}
