using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ServiceDefaults.Settings;

/// <summary>
/// Reads the classes that declare settings (<see cref="SectionAttribute"/>). An invalid value is refused, naming the
/// setting, what it holds and what it may hold. Why this is not <c>IOptions</c>: docs/decisions/settings.md.
/// </summary>
public sealed class SettingsReader(IConfiguration configuration, IHostEnvironment environment)
{
    private readonly Dictionary<Type, object> _read = [];

    public IConfiguration Configuration => configuration;

    public IHostEnvironment Environment => environment;

    /// <summary>Every name that has been read, whether it is set or not.</summary>
    public IEnumerable<string> Names => _read.Keys.SelectMany(Declared).Select(setting => setting.Name);

    /// <exception cref="StartupException">A setting of the section is impossible.</exception>
    public T Read<T>()
        where T : class, new()
    {
        if (_read.TryGetValue(typeof(T), out var known))
            return (T)known;
        var settings = new T();
        foreach (var (name, property) in Declared(typeof(T)))
        {
            if (ValueOf(name, property) is { } value)
                property.SetValue(settings, value);
        }
        _read.Add(typeof(T), settings);
        (settings as ICheckedSettings)?.Check(this);
        return settings;
    }

    /// <summary>Whether it is set, if only to an empty text.</summary>
    public bool IsGiven(string name) => configuration.GetSection(name).Exists();

    public static IEnumerable<(string Name, PropertyInfo Property)> Declared(Type type)
    {
        var section = type.GetCustomAttribute<SectionAttribute>()!.Name;
        return type.GetProperties().Where(property => property.SetMethod is { IsPublic: true })
            .Select(property => ($"{section}:{property.GetCustomAttribute<ConfigurationKeyNameAttribute>()?.Name ?? property.Name}", property));
    }

    public static StartupException Missing(string name, string may) =>
        new($"The setting {name} is missing; it must be {may}.");

    public static StartupException Impossible(string name, string holds, string may) =>
        new($"The setting {name} is \"{OneLine(holds)}\"; it must be {may}.");

    /// <summary>Null: the default applies.</summary>
    private object? ValueOf(string name, PropertyInfo property)
    {
        var rules = property.GetCustomAttributes<ValidationAttribute>().ToList();
        if (property.PropertyType == typeof(string[]))
            return IsGiven(name) ? Array.ConvertAll(List(name), member => Require(member, member)) : null;
        var text = configuration[name];
        if (string.IsNullOrWhiteSpace(text))
            return null;
        var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        if (type == typeof(string))
            return Require(text, text);
        if (type == typeof(bool))
            return bool.TryParse(text, out var flag) ? flag : throw Impossible(name, text, "true or false");
        if (type.IsEnum)
            return Enum.GetValues(type).Cast<object>().FirstOrDefault(value => Spelled(value) == text) ?? throw Impossible(name, text, Either(Enum.GetValues(type).Cast<object>().Select(Spelled)));
        if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
            throw Impossible(name, text, May(rules.Single(), property));
        Require(number, text);
        return type == typeof(TimeSpan) ? TimeSpan.FromSeconds(number) : number;

        T Require<T>(T value, string holds) =>
            rules.Find(rule => !rule.IsValid(value)) is { } broken ? throw Impossible(name, holds, May(broken, property)) : value;
    }

    /// <summary>One value with commas or spaces between members; otherwise <c>Name:0</c>, <c>Name:1</c>, …</summary>
    private string[] List(string name)
    {
        var section = configuration.GetSection(name);
        // An environment variable is one text, and wins over the array of a file.
        var members = section.Value is { } all ? [all] : section.GetChildren().Select(child => child.Value);
        return [.. members.OfType<string>().SelectMany(text => text.Split([',', ' ', ';'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];
    }

    private static string May(ValidationAttribute rule, PropertyInfo property) => rule switch
    {
        { ErrorMessage: not null } => rule.FormatErrorMessage(property.Name),
        RangeAttribute range => $"a whole number{(property.PropertyType == typeof(int) ? "" : " of seconds")} from {range.Minimum} to {range.Maximum}",
        AllowedValuesAttribute allowed when property.PropertyType == typeof(string[]) => $"a list of {string.Join(", ", allowed.Values)}",
        AllowedValuesAttribute allowed => Either(allowed.Values.OfType<string>()),
        _ => throw new InvalidOperationException($"{property.DeclaringType}.{property.Name} does not say what it may hold: {rule.GetType().Name} needs an ErrorMessage."),
    };

    private static string Either(IEnumerable<string> values) => values.ToArray() is [.. var first, var last] ? $"{string.Join(", ", first)} or {last}" : "";

    private static string Spelled(object value) => JsonNamingPolicy.SnakeCaseLower.ConvertName($"{value}");

    private static string OneLine(string text) =>
        new([.. text.Take(200).Select(c => char.IsControl(c) ? ' ' : c)]);
}

public static class SettingsServices
{
    /// <summary>Reads them now, so that an invalid one stops the start, and registers them.</summary>
    /// <exception cref="StartupException">A setting of the section is impossible.</exception>
    public static T AddSettings<T>(this IServiceCollection services, SettingsReader settings)
        where T : class, new()
    {
        ArgumentNullException.ThrowIfNull(settings);
        var read = settings.Read<T>();
        services.AddSingleton(read);
        return read;
    }
}
