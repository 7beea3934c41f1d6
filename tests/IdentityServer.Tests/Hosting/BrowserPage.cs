using System.Net;
using System.Text.RegularExpressions;
using Xunit;

namespace IdentityServer.Tests.Hosting;

/// <param name="Action">Empty: the page's own address.</param>
/// <param name="Fields">What it sends unchanged, including the pressed button's own field.</param>
/// <param name="Names">Of every field, including those that send nothing yet.</param>
internal sealed record BrowserForm(string Action, bool IsPost, IReadOnlyList<(string Name, string Value)> Fields, IReadOnlySet<string> Names);

/// <summary>An answer as a browser shows it. It can read our own HTML, not any HTML.</summary>
internal sealed partial record BrowserPage(string Address, HttpStatusCode Status, string Body, HttpResponseMessage Message)
{
    /// <summary>Where a redirect leads.</summary>
    public string? Location => Message.Headers.Location?.OriginalString;

    public string Title => Text(TitleElement().Match(Body).Groups[1].Value);

    /// <summary>What screen readers announce at once: the elements with <c>role="alert"</c>.</summary>
    public string Alert => string.Join(' ', ElementsBy("role", "alert").Select(Text));

    public string? Header(string name) =>
        Message.Headers.TryGetValues(name, out var values) || Message.Content.Headers.TryGetValues(name, out values) ? string.Join(", ", values) : null;

    public bool Has(string id) => Tag(id) is not null;

    /// <summary>The text of the element with this id.</summary>
    public string TextOf(string id) => Text(Assert.Single(ElementsBy("id", id)));

    /// <summary>An attribute of the element with this id; null: it has no such attribute.</summary>
    public string? AttributeOf(string id, string name) =>
        Attributes(Tag(id) ?? throw new ArgumentException($"There is no {id} in {Body}", nameof(id))).TryGetValue(name, out var value) ? value : null;

    /// <summary>Where the link with this id leads.</summary>
    public string LinkOf(string id) => AttributeOf(id, "href")!;

    /// <summary>The values of a query parameter of <see cref="Location"/>, or of a response's fragment.</summary>
    public string? LocationParameter(string name)
    {
        var start = Location!.IndexOfAny(['?', '#']);
        return start < 0 ? null : System.Web.HttpUtility.ParseQueryString(Location[(start + 1)..])[name];
    }

    public BrowserForm FormOf(string button)
    {
        foreach (Match match in FormElement().Matches(Body))
        {
            var inside = match.Groups[2].Value;
            if (!Tags().Matches(inside).Any(tag => Attributes(tag.Value).GetValueOrDefault("id") == button))
                continue;
            var attributes = Attributes(match.Groups[1].Value);
            return Read(inside, button, attributes.GetValueOrDefault("action", ""), attributes.GetValueOrDefault("method", "get").Equals("post", StringComparison.OrdinalIgnoreCase));
        }
        throw new ArgumentException($"There is no form with {button} in {(int)Status} {Body}", nameof(button));
    }

    private static BrowserForm Read(string inside, string button, string action, bool isPost)
    {
        List<(string Name, string Value)> fields = [];
        HashSet<string> names = [];
        foreach (var tag in Tags().Matches(inside).Select(tag => tag.Value))
        {
            var attributes = Attributes(tag);
            if (!attributes.TryGetValue("name", out var name) || attributes.ContainsKey("disabled"))
                continue;
            var isButton = tag.StartsWith("<button", StringComparison.OrdinalIgnoreCase);
            if (!isButton)
                names.Add(name);
            var type = attributes.GetValueOrDefault("type", "text");
            var sends = isButton ? attributes.GetValueOrDefault("id") == button : type is not ("checkbox" or "radio") || attributes.ContainsKey("checked");
            if (sends && (isButton || tag.StartsWith("<input", StringComparison.OrdinalIgnoreCase)))
                fields.Add((name, attributes.GetValueOrDefault("value", type is "checkbox" ? "on" : "")));
        }
        foreach (Match area in TextArea().Matches(inside))
            fields.Add((Attributes(area.Groups[1].Value)["name"], WebUtility.HtmlDecode(area.Groups[2].Value)));
        foreach (Match choice in Choice().Matches(inside))
        {
            var options = Tags().Matches(choice.Groups[2].Value).Select(tag => Attributes(tag.Value)).ToList();
            if ((options.FirstOrDefault(option => option.ContainsKey("selected")) ?? options.FirstOrDefault()) is { } chosen)
                fields.Add((Attributes(choice.Groups[1].Value)["name"], chosen.GetValueOrDefault("value", "")));
        }
        return new BrowserForm(action, isPost, fields, names);
    }

    private string? Tag(string id) =>
        Tags().Matches(Body).Select(tag => tag.Value).FirstOrDefault(tag => Attributes(tag).GetValueOrDefault("id") == id);

    /// <summary>The content of the elements with this attribute; none may nest one of the same name.</summary>
    private IEnumerable<string> ElementsBy(string attribute, string value)
    {
        foreach (Match tag in Tags().Matches(Body))
        {
            if (Attributes(tag.Value).GetValueOrDefault(attribute) != value)
                continue;
            var start = tag.Index + tag.Length;
            var end = Body.IndexOf($"</{TagName().Match(tag.Value).Groups[1].Value}>", start, StringComparison.OrdinalIgnoreCase);
            yield return end < 0 ? "" : Body[start..end];
        }
    }

    private static string Text(string html) =>
        WebUtility.HtmlDecode(Spaces().Replace(Tags().Replace(html, " "), " ")).Trim();

    private static Dictionary<string, string> Attributes(string tag)
    {
        Dictionary<string, string> attributes = new(StringComparer.OrdinalIgnoreCase);
        foreach (Match attribute in Attribute().Matches(tag))
            attributes.TryAdd(attribute.Groups[1].Value, WebUtility.HtmlDecode(attribute.Groups[2].Value));
        return attributes;
    }

    [GeneratedRegex("<title>(.*?)</title>", RegexOptions.Singleline)]
    private static partial Regex TitleElement();

    [GeneratedRegex("<form([^>]*)>(.*?)</form>", RegexOptions.Singleline)]
    private static partial Regex FormElement();

    [GeneratedRegex("<textarea([^>]*)>(.*?)</textarea>", RegexOptions.Singleline)]
    private static partial Regex TextArea();

    [GeneratedRegex("<select([^>]*)>(.*?)</select>", RegexOptions.Singleline)]
    private static partial Regex Choice();

    [GeneratedRegex("""</?[a-zA-Z](?:"[^"]*"|[^>"])*>""")]
    private static partial Regex Tags();

    [GeneratedRegex("^<([a-zA-Z0-9]+)")]
    private static partial Regex TagName();

    [GeneratedRegex("""\s([a-zA-Z][a-zA-Z0-9:_-]*)(?:="([^"]*)")?""")]
    private static partial Regex Attribute();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
