using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Testing;
using Testing.Issuer;
using Xunit;

namespace IdentityServer.ResourceServer.Tests;

public sealed class RevocationTests : IAsyncLifetime
{
    /// <summary>Patience for a busy machine; that it takes a second at most has a test of its own.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);

    private FakeIssuer _issuer = null!;
    private ProtectedApi _api = null!;

    public async ValueTask InitializeAsync()
    {
        _issuer = await FakeIssuer.StartAsync();
        _api = await ProtectedApi.StartAsync(_issuer);
    }

    public async ValueTask DisposeAsync()
    {
        await _api.DisposeAsync();
        await _issuer.DisposeAsync();
    }

    private JsonObject Claims(DateTimeOffset? now = null) => _issuer.Claims(ProtectedApi.Resource, now: now);

    private JsonObject ClientClaims(DateTimeOffset now)
    {
        var claims = Claims(now);
        claims.Remove("grant_id");
        claims["sub"] = "shop";
        return claims;
    }

    [Theory]
    [InlineData("jti")]
    [InlineData("grant_id")]
    [InlineData("sub")]
    public async Task A_revocation_ends_a_remembered_token(string of)
    {
        var claims = Claims(TimeProvider.System.GetUtcNow().AddSeconds(-1));
        var token = _issuer.Sign(claims);
        var other = _issuer.Sign(Claims());
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(token));
        _issuer.Revoke(of, claims[of]!.ToString());
        Assert.True(await _api.AnswersAsync(HttpStatusCode.Unauthorized, token, Soon));
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(other));
    }

    [Fact]
    public async Task It_takes_effect_within_a_second()
    {
        var fastest = await Wait.FastestAsync(async () =>
        {
            var claims = Claims();
            var token = _issuer.Sign(claims);
            Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(token));
            _issuer.Revoke("jti", claims["jti"]!.ToString());
            await Wait.UntilAsync(async () => await _api.StatusAsync(token) == HttpStatusCode.Unauthorized, "the token is dead");
        });

        Assert.InRange(fastest, TimeSpan.Zero, TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task A_subject_entry_ends_earlier_sign_ins_but_not_later_ones_in_the_same_second()
    {
        var second = DateTimeOffset.FromUnixTimeSeconds(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds());
        var user = Guid.NewGuid().ToString();
        var before = Claims(second.AddMilliseconds(-1));
        var justBefore = Claims(second.AddMilliseconds(499));
        var justAfter = Claims(second.AddMilliseconds(500));
        foreach (var claims in new[] { before, justBefore, justAfter })
            claims["sub"] = user;
        // Refreshed later from the earlier sign-in: the token is newer than the event, its grant is not.
        var refreshed = (JsonObject)justBefore.DeepClone();
        refreshed["iat"] = second.AddSeconds(2).ToUnixTimeSeconds();

        _issuer.Revoke("sub", user, at: second.AddMilliseconds(500));
        Assert.True(await _api.AnswersAsync(HttpStatusCode.Unauthorized, _issuer.Sign(before), Soon));
        Assert.Equal(HttpStatusCode.Unauthorized, await _api.StatusAsync(_issuer.Sign(justBefore)));
        Assert.Equal(HttpStatusCode.Unauthorized, await _api.StatusAsync(_issuer.Sign(refreshed)));
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(_issuer.Sign(justAfter)));
    }

    [Fact]
    public async Task A_subject_entry_ends_a_clients_own_tokens_issued_up_to_the_same_second()
    {
        var second = DateTimeOffset.FromUnixTimeSeconds(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds());
        _issuer.Revoke("sub", "shop", at: second.AddMilliseconds(500));
        Assert.True(await _api.AnswersAsync(HttpStatusCode.Unauthorized, _issuer.Sign(ClientClaims(second.AddSeconds(-1))), Soon));
        // Issued in the same second: before or after the event can't be told, so it is dead.
        Assert.Equal(HttpStatusCode.Unauthorized, await _api.StatusAsync(_issuer.Sign(ClientClaims(second))));
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(_issuer.Sign(ClientClaims(second.AddSeconds(1)))));
    }

    [Fact]
    public async Task An_older_subject_entry_that_arrives_later_does_not_bring_tokens_back()
    {
        var now = TimeProvider.System.GetUtcNow();
        var claims = Claims(now.AddSeconds(-5));
        _issuer.Revoke("sub", claims["sub"]!.ToString(), at: now);
        var token = _issuer.Sign(claims);
        Assert.True(await _api.AnswersAsync(HttpStatusCode.Unauthorized, token, Soon));
        var marker = Claims();
        _issuer.Revoke("sub", claims["sub"]!.ToString(), at: now.AddSeconds(-60));
        _issuer.Revoke("jti", marker["jti"]!.ToString());
        Assert.True(await _api.AnswersAsync(HttpStatusCode.Unauthorized, _issuer.Sign(marker), Soon));
        Assert.Equal(HttpStatusCode.Unauthorized, await _api.StatusAsync(token));
    }

    [Fact]
    public async Task What_was_revoked_before_the_start_is_known_at_the_first_request()
    {
        var claims = Claims();
        _issuer.Revoke("jti", claims["jti"]!.ToString());
        await using var late = await ProtectedApi.StartAsync(_issuer);
        Assert.Equal(HttpStatusCode.Unauthorized, await late.StatusAsync(_issuer.Sign(claims)));
    }

    [Fact]
    public async Task An_entry_is_kept_until_its_tokens_have_expired_with_clock_skew_and_no_longer()
    {
        var now = TimeProvider.System.GetUtcNow();
        var claims = Claims();
        claims["exp"] = now.AddSeconds(100).ToUnixTimeSeconds();
        _issuer.Revoke("jti", claims["jti"]!.ToString(), until: now.AddSeconds(100));
        var token = _issuer.Sign(claims);
        Assert.True(await _api.AnswersAsync(HttpStatusCode.Unauthorized, token, Soon));

        var revoked = _api.Services.GetRequiredService<RevokedTokens>();
        _api.Clock.Advance(TimeSpan.FromSeconds(115));
        await NewsAsync();
        // Within the clock skew after exp the token would be accepted but for the entry.
        Assert.Equal(HttpStatusCode.Unauthorized, await _api.StatusAsync(token));
        _api.Clock.Advance(TimeSpan.FromSeconds(60));
        await NewsAsync();
        // Pruning comes after adding, in the same answer.
        await Wait.UntilAsync(() => revoked.Count == 2, "expired entries are removed");
    }

    /// <summary>Another entry comes through, and pruning with it.</summary>
    private async Task NewsAsync()
    {
        var marker = Claims();
        _issuer.Revoke("jti", marker["jti"]!.ToString());
        Assert.True(await _api.AnswersAsync(HttpStatusCode.Unauthorized, _issuer.Sign(marker), Soon));
    }

    [Fact]
    public async Task A_feed_that_was_unreachable_continues_from_its_cursor()
    {
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(_issuer.Sign(Claims())));
        var claims = Claims();
        _issuer.IsAway = true;
        await WakeFeedAsync();
        _issuer.Revoke("jti", claims["jti"]!.ToString());
        var token = _issuer.Sign(claims);
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(token));
        _issuer.IsAway = false;
        Assert.True(await _api.AnswersAsync(HttpStatusCode.Unauthorized, token, Soon));
    }

    [Fact]
    public async Task A_refused_cursor_is_dropped_and_the_feed_is_read_from_the_start()
    {
        var first = Claims();
        _issuer.Revoke("jti", first["jti"]!.ToString());
        Assert.True(await _api.AnswersAsync(HttpStatusCode.Unauthorized, _issuer.Sign(first), Soon));
        _issuer.OldestCursor = 100;
        // The poll that is open is answered with this one; the next is refused for its cursor.
        await NewsAsync();
        _issuer.OldestCursor = 3;
        var second = Claims();
        _issuer.Revoke("jti", second["jti"]!.ToString());
        Assert.True(await _api.AnswersAsync(HttpStatusCode.Unauthorized, _issuer.Sign(second), Soon));
        Assert.Equal(HttpStatusCode.Unauthorized, await _api.StatusAsync(_issuer.Sign(first)));
    }

    [Fact]
    public async Task Without_news_from_the_feed_no_token_is_trusted_after_MaxStaleness_until_it_returns()
    {
        var token = _issuer.Sign(Claims());
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(token));
        var revoked = Claims();
        _issuer.Revoke("jti", revoked["jti"]!.ToString());
        Assert.True(await _api.AnswersAsync(HttpStatusCode.Unauthorized, _issuer.Sign(revoked), Soon));

        _issuer.IsAway = true;
        await WakeFeedAsync();
        _api.Clock.Advance(TimeSpan.FromSeconds(50));
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(token));
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(_issuer.Sign(Claims())));
        _api.Clock.Advance(TimeSpan.FromSeconds(20));
        using (var response = await _api.GetAsync("/read", token))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
            Assert.Equal("1", response.Headers.RetryAfter!.ToString());
        }

        Assert.False(_api.Services.GetRequiredService<IssuerStatus>().IsReady);
        // What is known to be bad needs no feed.
        Assert.Equal(HttpStatusCode.Unauthorized, await _api.StatusAsync("garbage"));
        Assert.Equal(HttpStatusCode.Unauthorized, await _api.StatusAsync(_issuer.Sign(revoked)));

        _issuer.IsAway = false;
        Assert.True(await _api.AnswersAsync(HttpStatusCode.OK, token, Soon));
    }

    [Fact]
    public async Task A_poll_that_hangs_silently_is_abandoned_and_repeated()
    {
        await using var api = await ProtectedApi.StartAsync(_issuer, options => options.MaxStaleness = TimeSpan.FromSeconds(3));
        var token = _issuer.Sign(Claims());
        Assert.Equal(HttpStatusCode.OK, await api.StatusAsync(token));
        _issuer.FeedHangs = true;
        // A wait of one second and three of grace; by then nothing is trusted any more.
        Assert.True(await api.AnswersAsync(HttpStatusCode.ServiceUnavailable, token, Soon));
        _issuer.FeedHangs = false;
        Assert.True(await api.AnswersAsync(HttpStatusCode.OK, token, Soon));
    }

    [Fact]
    public async Task Before_the_first_answer_of_the_feed_no_token_is_trusted()
    {
        _issuer.FeedHangs = true;
        await using var api = await ProtectedApi.StartAsync(_issuer);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await api.StatusAsync(_issuer.Sign(Claims())));
    }

    [Fact]
    public async Task A_request_waits_a_moment_for_an_issuer_that_is_not_up_yet()
    {
        _issuer.IsAway = true;
        await using var api = await ProtectedApi.StartAsync(_issuer);
        var pending = api.StatusAsync(_issuer.Sign(Claims()));
        await Task.Delay(300);
        _issuer.IsAway = false;
        Assert.Equal(HttpStatusCode.OK, await pending);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_short_MaxStaleness_works_without_news_and_without_polling_too_often(int seconds)
    {
        await using var api = await ProtectedApi.StartAsync(_issuer, options => options.MaxStaleness = TimeSpan.FromSeconds(seconds));
        var token = _issuer.Sign(Claims());
        Assert.Equal(HttpStatusCode.OK, await api.StatusAsync(token));
        var before = _issuer.FeedRequests;
        // A busy machine may be late once; a client that polls too rarely is late every time.
        var holds = false;
        for (var time = 1; time <= 3 && !holds; time++)
            holds = !await api.AnswersAsync(HttpStatusCode.ServiceUnavailable, token, TimeSpan.FromSeconds(3));
        Assert.True(holds);
        Assert.InRange(_issuer.FeedRequests - before, 1, 60);
    }

    /// <summary>An entry nobody has ends the open poll, which then finds the issuer as it is now.</summary>
    private async Task WakeFeedAsync()
    {
        _issuer.Revoke("jti", Guid.NewGuid().ToString());
        await Task.Delay(50);
    }
}
