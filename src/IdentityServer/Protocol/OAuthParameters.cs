using System.Text;

namespace IdentityServer.Protocol;

/// <summary>
/// The parameters of a request. Each occurs at most once (RFC 6749 §3.1, §3.2) except <c>resource</c> (RFC 8707 §2); empty and
/// unknown ones are ignored.
/// </summary>
public sealed class OAuthParameters
{
    public const int MaximumCount = 100;
    public const int MaximumBodyLength = 64 * 1024;

    private readonly Dictionary<string, string> _values;
    private readonly List<string> _resources;
    private readonly HashSet<string>? _repeated;

    private OAuthParameters(Dictionary<string, string> values, List<string> resources, HashSet<string>? repeated) =>
        (_values, _resources, _repeated) = (values, resources, repeated);

    public string? this[string name] => _values.TryGetValue(name, out var value) && value.Length > 0 ? value : null;

    /// <summary>All non-empty parameters except <see cref="Resources"/>.</summary>
    public IEnumerable<KeyValuePair<string, string>> Present => _values.Where(parameter => parameter.Key.Length > 0 && parameter.Value.Length > 0);

    /// <summary>The values of <c>resource</c>, in order.</summary>
    public IReadOnlyList<string> Resources => _resources;

    /// <summary>Whether any occurs more than once; only <see cref="ParseLeniently"/> allows that.</summary>
    public bool HasRepeated => _repeated is not null;

    /// <summary>Whether this parameter is repeated; its value is the first.</summary>
    public bool IsRepeated(string name) => _repeated?.Contains(name) ?? false;

    /// <summary>Reads an <c>application/x-www-form-urlencoded</c> body of at most <see cref="MaximumBodyLength"/> bytes.</summary>
    public static Result<OAuthParameters> Parse(ReadOnlySpan<byte> body)
    {
        var parameters = ParseLeniently(body);
        return !parameters.IsRefused && parameters.Value.HasRepeated ? Errors.DuplicateParameter : parameters;
    }

    /// <summary>Records repeated parameters instead of failing, because an authorization request is refused to its client (RFC 6749 §4.1.2.1).</summary>
    public static Result<OAuthParameters> ParseLeniently(ReadOnlySpan<byte> body)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        List<string> resources = [];
        HashSet<string>? repeated = null;
        var count = 0;
        while (body.Length > 0)
        {
            var end = body.IndexOf((byte)'&');
            var pair = end < 0 ? body : body[..end];
            body = end < 0 ? [] : body[(end + 1)..];
            if (pair.IsEmpty)
                continue;
            if (count++ == MaximumCount)
                return Errors.TooManyParameters;

            var equals = pair.IndexOf((byte)'=');
            if (!FormUrlEncoding.TryDecode(equals < 0 ? pair : pair[..equals], out var name)
                || !FormUrlEncoding.TryDecode(equals < 0 ? [] : pair[(equals + 1)..], out var value))
                return Errors.MalformedForm;
            if (name == Parameters.Resource)
            {
                if (value.Length > 0)
                    resources.Add(value);
            }
            else if (!values.TryAdd(name, value))
            {
                (repeated ??= new(StringComparer.Ordinal)).Add(name);
            }
        }
        return new OAuthParameters(values, resources, repeated);
    }

    /// <summary>The same parameters, form-urlencoded, without the named ones.</summary>
    public string ToForm(params ReadOnlySpan<string> without)
    {
        var form = new StringBuilder();
        foreach (var (name, value) in _values)
        {
            if (value.Length > 0 && !without.Contains(name))
                Append(form, name, value);
        }
        foreach (var resource in _resources)
            Append(form, Parameters.Resource, resource);
        return form.ToString();
    }

    private static void Append(StringBuilder form, string name, string value) =>
        form.Append(form.Length == 0 ? "" : "&").Append(Uri.EscapeDataString(name)).Append('=').Append(Uri.EscapeDataString(value));
}
