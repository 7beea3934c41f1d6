using IdentityServer.Accounts.Passwords;
using Xunit;

namespace IdentityServer.Tests.Accounts;

public sealed class CommonPasswordsTests
{
    private static readonly PasswordSettings Standard = new() { Iterations = 1000, Parallelism = 1, QueueLength = 1, QueueTimeout = TimeSpan.FromSeconds(1) };

    [Theory]
    [InlineData("password")]
    [InlineData("12345678")]
    [InlineData("PASSWORD1")]
    [InlineData("Ｐassword")]
    [InlineData("qwertyuiop")]
    [InlineData("iloveyou1")]
    [InlineData("trustno1")]
    public void Common_passwords_are_refused(string password) => Assert.False(PolicyOf(Standard).Allows(password));

    [Fact]
    public void A_setting_allows_common_passwords() => Assert.True(PolicyOf(Standard with { RejectCommon = false }).Allows("password"));

    [Fact]
    public void A_lower_minimum_length_adds_shorter_common_passwords() => Assert.False(PolicyOf(Standard with { MinimumLength = 4 }).Allows("dragon"));

    [Fact]
    public void The_list_holds_at_least_ten_thousand_passwords()
    {
        using var resource = typeof(CommonPasswords).Assembly.GetManifestResourceStream("common-passwords.txt");
        using var reader = new StreamReader(resource!);
        var lines = reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.InRange(lines.Length, 10_000, 20_000);
        Assert.All(lines, line => Assert.Equal(LoginName.Fold(line), line));
    }

    private static PasswordPolicy PolicyOf(PasswordSettings settings) => new(settings, new CommonPasswords(settings));
}
