using IdentityServer.Accounts.Passwords;
using IdentityServer.Mail;
using Xunit;

namespace IdentityServer.Tests.Accounts;

public sealed class NameRulesTests
{
    [Theory]
    [InlineData("a")]
    [InlineData("maya m.")]
    [InlineData("Ａlice")]
    [InlineData("李小龍")]
    [InlineData("Ελένη")]
    [InlineData("محمد")]
    [InlineData("rocket 🚀")]
    public void These_are_user_names(string name) => Assert.True(NameRules.IsUserName(name));

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData(" maya")]
    [InlineData("maya\u00a0")]
    [InlineData("a@b")]
    [InlineData("a＠b")]
    [InlineData("a\u0000b")]
    [InlineData("a\nb")]
    [InlineData("a\u0085b")]
    [InlineData("a\u2028b")]
    [InlineData("a\u00adb")]
    [InlineData("a\u034fb")]
    [InlineData("a\u200bb")]
    [InlineData("a\u200db")]
    [InlineData("a\u200eb")]
    [InlineData("a\u202eb")]
    [InlineData("a\u2066b")]
    [InlineData("a\u061cb")]
    [InlineData("a\u3164b")]
    [InlineData("a\ufe0fb")]
    [InlineData("a\ufeffb")]
    [InlineData("a\U000e0041b")]
    [InlineData("a\ue000b")]
    public void These_are_not_user_names(string name) => Assert.False(NameRules.IsUserName(name));

    [Fact]
    public void A_lone_surrogate_is_not_a_user_name() => Assert.False(NameRules.IsUserName("a\ud800"));

    [Fact]
    public void Length_is_counted_in_code_points()
    {
        Assert.True(NameRules.IsUserName(string.Concat(Enumerable.Repeat("😀", 64))));
        Assert.False(NameRules.IsUserName(string.Concat(Enumerable.Repeat("😀", 65))));
    }

    [Fact]
    public void A_name_that_folding_makes_too_long_for_the_index_is_refused() =>
        Assert.False(NameRules.IsUserName(new string('\ufdfa', 64)));

    [Theory]
    [InlineData("a@b")]
    [InlineData("maya.m+tag@sub.example.com")]
    [InlineData("o'hara@example.com")]
    [InlineData("用户@例子.公司")]
    [InlineData("jörg@müller.example")]
    [InlineData("a@xn--mller-kva.example")]
    public void These_are_email_addresses(string email)
    {
        Assert.True(NameRules.IsEmail(email));
        using var mail = MailMessages.Create(new("", "no-reply@example.com"), new(email, "Subject", "Body"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("nobody")]
    [InlineData("@b")]
    [InlineData("a@")]
    [InlineData("a@b@c")]
    [InlineData("a＠b@c")]
    [InlineData("a b@c")]
    [InlineData(" a@b")]
    [InlineData("a@b ")]
    [InlineData("a@b c")]
    [InlineData("a@b\r\nBcc: c@d")]
    [InlineData("a@b,c@d")]
    [InlineData("<a@b>")]
    [InlineData("A <a@b>")]
    [InlineData("\"a b\"@c")]
    [InlineData(".a@b")]
    [InlineData("a.@b")]
    [InlineData("a..b@c")]
    [InlineData("a@b..c")]
    [InlineData("a@.b")]
    [InlineData("a@b.")]
    [InlineData("a@-b")]
    [InlineData("a@b-")]
    [InlineData("a@[127.0.0.1]")]
    [InlineData("a\u200b@b")]
    [InlineData("a@b\u202e")]
    [InlineData("a;b@c")]
    [InlineData("a\\b@c")]
    public void These_are_not_email_addresses(string email) => Assert.False(NameRules.IsEmail(email));

    [Fact]
    public void An_email_address_has_at_most_254_code_points()
    {
        Assert.True(NameRules.IsEmail("a@" + string.Join('.', Enumerable.Repeat(new string('b', 62), 4))));
        Assert.False(NameRules.IsEmail("aaa@" + string.Join('.', Enumerable.Repeat(new string('b', 62), 4))));
    }
}
