using Xunit;

namespace EndToEnd.Chromium;

/// <summary>Pages as people see them: in light and dark, at a desk and on a phone.</summary>
internal static class Pictures
{
    private static readonly (string Name, int Width, int Height, bool IsDark)[] Looks = [("light", 1280, 900, false), ("dark", 1280, 900, true), ("phone", 390, 844, false), ("phone-dark", 390, 844, true)];

    /// <summary>No page is wider than its window, in any look. With <c>SCREENSHOTS=folder</c> each look is kept there as a picture.</summary>
    public static async Task KeepAsync(Tab tab, string name)
    {
        var folder = Environment.GetEnvironmentVariable("SCREENSHOTS");
        foreach (var (look, width, height, isDark) in Looks)
        {
            await tab.ShowAsAsync(width, height, isDark);
            Assert.True((bool)(await tab.EvaluateAsync("document.documentElement.scrollWidth <= innerWidth"))!, $"{name} is wider than {look}");
            if (!string.IsNullOrEmpty(folder))
                await File.WriteAllBytesAsync(Path.Combine(Directory.CreateDirectory(folder).FullName, $"{name}.{look}.png"), await tab.PictureAsync());
        }
        await tab.ShowAsAsync(1280, 900, isDark: false);
    }
}
