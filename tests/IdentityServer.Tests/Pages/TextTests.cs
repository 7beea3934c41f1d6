using System.Text.RegularExpressions;
using System.Xml.Linq;
using IdentityServer.Pages;
using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Pages;

/// <summary>What pages say, how they look, and in which language.</summary>
public sealed partial class TextTests
{
    private static readonly string Source = Path.Combine(Repository.Root, "src", "IdentityServer");

    [Fact]
    public void Every_text_that_a_page_uses_exists_and_none_is_unused()
    {
        var texts = XDocument.Load(Path.Combine(Source, "Pages", "Texts.resx")).Root!.Elements("data").Select(data => (string)data.Attribute("name")!).ToList();
        var sources = Directory.EnumerateFiles(Source, "*.*", SearchOption.AllDirectories)
            .Where(file => file.EndsWith(".razor", StringComparison.Ordinal) || file.EndsWith(".cs", StringComparison.Ordinal))
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .Select(File.ReadAllText).ToList();
        var asked = sources.SelectMany(source => Asked().Matches(source).Select(match => match.Groups[1].Value)).ToHashSet();

        Assert.Equal(texts.Count, texts.Distinct().Count());
        Assert.NotEmpty(asked);
        Assert.Empty(asked.Except(texts));
        foreach (var name in texts)
        {
            var stem = name[..name.LastIndexOf('.')];
            Assert.True(sources.Any(source => source.Contains($"\"{name}\"", StringComparison.Ordinal) || source.Contains($"\"{stem}\"", StringComparison.Ordinal) || source.Contains($"\"{stem}.", StringComparison.Ordinal)), $"Nobody says {name}.");
        }
    }

    [Theory, Rfc("4647", "3.4")]
    [InlineData(null, null, "en")]
    [InlineData(null, "", "en")]
    [InlineData(null, "de", "de")]
    [InlineData(null, "de-AT, en;q=0.8", "de")]
    [InlineData(null, "en;q=0.5, fr-CA;q=0.9, xx", "fr-CA")]
    [InlineData(null, "fr", "en")]
    [InlineData(null, "de;q=0", "en")]
    [InlineData(null, ";;;,,=q,de;q=x", "en")]
    [InlineData("de", "en", "de")]
    [InlineData("xx fr-CA-x de", "en", "fr-CA")]
    [InlineData("- -- xx", "de", "de")]
    public void The_clients_choice_of_language_comes_before_the_browsers(string? uiLocales, string? acceptLanguage, string chosen) =>
        Assert.Equal(chosen, Languages.Choose(["en", "de", "fr-CA"], uiLocales, acceptLanguage));

    [Theory]
    [InlineData("#2457c5", false)]
    [InlineData("#8db2ff", true)]
    [InlineData("#ffffff", false)]
    [InlineData("#000000", true)]
    [InlineData("#ffd400", false)]
    [InlineData("#777777", false)]
    public void Text_stays_readable_with_any_colour_the_operator_chooses(string accent, bool isDark)
    {
        var declared = BrandColors.Declare(accent, isDark).Split(';').Select(pair => pair.Split(':')).ToDictionary(pair => pair[0], pair => pair[1]);

        Assert.Equal(accent, declared["--accent"]);
        Assert.True(BrandColors.Contrast(accent, declared["--on-accent"]) >= 4.4, declared["--on-accent"]);
        Assert.True(BrandColors.Contrast(declared["--link"], isDark ? "#161b24" : "#ffffff") >= BrandColors.Readable, declared["--link"]);
    }

    [Theory]
    [InlineData("#ffffff", "#000000", 21)]
    [InlineData("#777777", "#ffffff", 4.48)]
    public void Contrast_is_calculated_as_WCAG_defines_it(string one, string other, double ratio) =>
        Assert.Equal(ratio, BrandColors.Contrast(one, other), 2);

    /// <summary>The stylesheet's own pairs of colours, as they meet on the page (WCAG 2.2 §1.4.3, §1.4.11).</summary>
    [Fact]
    public void The_stylesheets_colours_are_readable_in_light_and_dark()
    {
        var css = File.ReadAllText(Path.Combine(Source, "Pages", "style.css"));
        var schemes = Scheme().Matches(css).Select(match => Colour().Matches(match.Value).ToDictionary(pair => pair.Groups[1].Value, pair => pair.Groups[2].Value)).ToList();

        Assert.Equal(2, schemes.Count);
        foreach (var colors in schemes)
        {
            foreach (var (text, back) in new[] { ("text", "card"), ("text", "background"), ("text", "field"), ("muted", "card"), ("muted", "background"), ("error", "card"), ("error", "error-back"), ("good", "good-back") })
                Assert.True(BrandColors.Contrast(colors[text], colors[back]) >= BrandColors.Readable, $"{text} on {back}");
            foreach (var back in new[] { "card", "field" })
                Assert.True(BrandColors.Contrast(colors["field-line"], colors[back]) >= 3, $"field-line on {back}");
        }
    }

    [Fact]
    public async Task Name_logo_and_colours_come_from_the_settings()
    {
        await using var server = await ServerUnderTest.StartAsync("--Branding:Name=Shipyard & Sons", "--Branding:LogoUri=/logo.svg", "--Branding:AccentColor=#aa0000");

        var page = await new Browser(server).GetAsync("/account/sign-in");

        Assert.EndsWith("· Shipyard & Sons", page.Title, StringComparison.Ordinal);
        Assert.Contains("<img src=\"/logo.svg\"", page.Body, StringComparison.Ordinal);
        Assert.Contains("--accent:#aa0000;", page.Body, StringComparison.Ordinal);
    }

    [Fact, Rfc("9110", "13.1.2")]
    public async Task Browsers_cache_the_stylesheet_until_it_changes()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var browser = new Browser(server);
        var address = Link().Match((await browser.GetAsync("/account/sign-in")).Body).Groups[1].Value;

        var css = await browser.GetAsync(address);
        browser.Headers["If-None-Match"] = css.Header("ETag")!;
        var again = await browser.GetAsync(address);

        Assert.Equal(("public, max-age=31536000, immutable", "text/css; charset=utf-8"), (css.Header("Cache-Control"), css.Header("Content-Type")));
        Assert.Contains(".card", css.Body, StringComparison.Ordinal);
        Assert.Equal((System.Net.HttpStatusCode.NotModified, ""), (again.Status, again.Body));
    }

    [GeneratedRegex("""(?:\bT\(|Texts\[|texts\[|Text\()"([a-z_]+\.[a-z_.]+)["]""")]
    private static partial Regex Asked();

    [GeneratedRegex(@":root \{[^}]*\}")]
    private static partial Regex Scheme();

    [GeneratedRegex("--([a-z-]+): (#[0-9a-f]{6});")]
    private static partial Regex Colour();

    [GeneratedRegex("<link rel=\"stylesheet\" href=\"([^\"]+)\"")]
    private static partial Regex Link();
}
