namespace IdentityServer.Protocol.Descriptions;

/// <summary>A mistake in a JSON text: where it stands (<c>$.clients[0].scope</c>) and what it is. Never says a secret.</summary>
/// <param name="rule">What must be there, in constant ASCII: all that somebody unknown is told.</param>
internal sealed class JsonMistake(string path, string what, string? rule = null) : Exception($"{path} {what}")
{
    /// <summary>The member that holds it, such as <c>redirect_uris</c>.</summary>
    public string Member => path.Split('.')[^1].Split('[')[0];

    public string Rule => rule ?? "left out, or as this server documents it";
}
