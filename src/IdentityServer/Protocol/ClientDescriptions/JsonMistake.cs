namespace IdentityServer.Protocol.ClientDescriptions;

/// <summary>A mistake in a JSON text: where it stands (<c>$.clients[0].scope</c>) and what it is. Never says a secret.</summary>
internal sealed class JsonMistake(string path, string what) : Exception($"{path} {what}")
{
    /// <param name="rule">What must be there, in constant ASCII.</param>
    /// <param name="saw">What stands there instead, for the operator.</param>
    public static JsonMistake Must(string path, string rule, string? saw = null) =>
        new(path, saw is null ? $"must be {rule}." : $"{saw}; it must be {rule}.") { Refusal = Errors.MetadataRefused(path.Split('.')[^1].Split('[')[0], rule) };

    /// <summary>All that a stranger is told.</summary>
    public OAuthError Refusal { get; init; } = Errors.MalformedJson;
}
