namespace IdentityServer.Protocol;

/// <summary>
/// The parameters of a request body: each at most once (RFC 6749 §3.2) but <c>resource</c> (RFC 8707 §2), an empty one as if
/// it had been left out, unknown ones ignored.
/// </summary>
public sealed class OAuthParameters
{
    public const int MaximumCount = 100;
    public const int MaximumBodyLength = 64 * 1024;

    private readonly Dictionary<string, string> _values;

    private OAuthParameters(Dictionary<string, string> values, List<string>? resources) =>
        (_values, Resources) = (values, resources ?? (IReadOnlyList<string>)[]);

    /// <summary>Every value of <c>resource</c>, in the order given.</summary>
    public IReadOnlyList<string> Resources { get; }

    public string? this[string name] => _values.TryGetValue(name, out var value) && value.Length > 0 ? value : null;

    /// <summary>Reads an <c>application/x-www-form-urlencoded</c> body of at most <see cref="MaximumBodyLength"/> bytes.</summary>
    public static Result<OAuthParameters> Parse(ReadOnlySpan<byte> body)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        List<string>? resources = null;
        while (body.Length > 0)
        {
            var end = body.IndexOf((byte)'&');
            var pair = end < 0 ? body : body[..end];
            body = end < 0 ? [] : body[(end + 1)..];
            if (pair.IsEmpty)
                continue;
            if (values.Count == MaximumCount)
                return Errors.TooManyParameters;

            var equals = pair.IndexOf((byte)'=');
            if (!FormUrlEncoding.TryDecode(equals < 0 ? pair : pair[..equals], out var name)
                || !FormUrlEncoding.TryDecode(equals < 0 ? [] : pair[(equals + 1)..], out var value))
                return Errors.MalformedForm;
            if (name == Parameters.Resource)
            {
                if (value.Length > 0)
                    (resources ??= []).Add(value);
            }
            else if (!values.TryAdd(name, value))
            {
                return Errors.DuplicateParameter;
            }
        }
        return new OAuthParameters(values, resources);
    }
}
