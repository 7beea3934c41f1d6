using System.Net;
using Npgsql;
using ResourceApi.Storage;
using Xunit;

namespace ResourceApi.Tests;

public sealed class ListTests : IAsyncLifetime
{
    private Store _store = null!;
    private Caller _alice = null!;

    public async ValueTask InitializeAsync()
    {
        _store = await Store.StartAsync();
        _alice = _store.SignIn();
    }

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    private async Task<(List<string> Keys, string? Next)> PageAsync(string query)
    {
        var answer = await _alice.ListAsync(query);
        answer.Is(HttpStatusCode.OK);
        return ([.. answer.Data.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("key").GetString()!)], answer.Data.GetProperty("next").GetString());
    }

    [Fact]
    public async Task Keys_are_sorted_by_code_point()
    {
        // U+FFFD comes after U+1F44B in UTF-16, before it in code points.
        string[] ordered = ["!", "A", "B", "Z", "_", "a", "a/", "a0", "aa", "b", "é", "\ufffd", "👋"];
        foreach (var key in ordered.Reverse())
            (await _alice.StoreAsync(key, "ü")).Is(HttpStatusCode.Created);
        var (keys, next) = await PageAsync("");
        Assert.Equal(ordered, keys);
        Assert.Null(next);

        var item = (await _alice.ListAsync("?prefix=aa")).Data.GetProperty("items")[0];
        Assert.Equal(["key", "size", "created_at", "updated_at"], item.EnumerateObject().Select(member => member.Name));
        Assert.Equal(2, item.GetProperty("size").GetInt32());
        Assert.Equal(TimeSpan.Zero, item.GetProperty("created_at").GetDateTimeOffset().Offset);
        Assert.Equal(item.GetProperty("created_at").GetString(), item.GetProperty("updated_at").GetString());
        await _alice.UpdateAsync("aa", "changed");
        item = (await _alice.ListAsync("?prefix=aa")).Data.GetProperty("items")[0];
        Assert.True(item.GetProperty("created_at").GetDateTimeOffset() < item.GetProperty("updated_at").GetDateTimeOffset());
    }

    [Fact]
    public async Task A_prefix_is_text_not_a_pattern()
    {
        foreach (var key in new[] { "a", "a%", "a%b", "ab", "a_", "b", "\U0010ffff", "\U0010ffffz" })
            await _alice.StoreAsync(key, "");
        Assert.Equal(["a", "a%", "a%b", "a_", "ab"], (await PageAsync("?prefix=a")).Keys);
        Assert.Equal(["a%", "a%b"], (await PageAsync("?prefix=a%25")).Keys);
        Assert.Equal(["a_"], (await PageAsync("?prefix=a_")).Keys);
        Assert.Equal(["\U0010ffff", "\U0010ffffz"], (await PageAsync("?prefix=" + Uri.EscapeDataString("\U0010ffff"))).Keys);
        Assert.Empty((await PageAsync("?prefix=c")).Keys);
        Assert.Equal(["ab"], (await PageAsync("?prefix=a&after=a_")).Keys);
        Assert.Equal(["a", "a%"], (await PageAsync("?prefix=a&limit=2")).Keys);
        Assert.Equal(["b"], (await PageAsync("?prefix=b&after=a")).Keys);
        Assert.Empty((await PageAsync("?prefix=a&after=b")).Keys);
    }

    [Fact]
    public async Task A_list_of_thousands_is_walked_page_by_page()
    {
        await FillAsync(2500);
        List<string> all = [];
        var (pages, after) = (0, "");
        do
        {
            var (keys, next) = await PageAsync("?limit=1000&after=" + Uri.EscapeDataString(after));
            all.AddRange(keys);
            (pages, after) = (pages + 1, next!);
        }
        while (after is not null);
        Assert.Equal(3, pages);
        Assert.Equal(Enumerable.Range(0, 2500).Select(i => $"key {i:0000}"), all);
        // A page that ends with the last key has no next page.
        Assert.Null((await PageAsync("?limit=500&after=key%201999")).Next);
    }

    [Theory]
    [InlineData("", 100)]
    [InlineData("?limit=", 100)]
    [InlineData("?limit=7", 7)]
    [InlineData("?limit=0", 1)]
    [InlineData("?limit=-5", 1)]
    [InlineData("?limit=-99999999999999999999", 1)]
    [InlineData("?limit=1000", 1000)]
    [InlineData("?limit=1001", 1000)]
    [InlineData("?limit=99999999999999999999", 1000)]
    public async Task A_limit_is_clamped(string query, int expected)
    {
        await FillAsync(1100);
        Assert.Equal(expected, (await PageAsync(query)).Keys.Count);
    }

    [Theory]
    [InlineData("?limit=abc")]
    [InlineData("?limit=1.5")]
    [InlineData("?limit=1e3")]
    [InlineData("?limit=-")]
    [InlineData("?limit=1&limit=2")]
    [InlineData("?prefix=a&prefix=b")]
    [InlineData("?prefix=%00")]
    [InlineData("?after=a%00")]
    [InlineData("?after=%0a")]
    public async Task An_invalid_parameter_is_refused(string query) =>
        (await _alice.ListAsync(query)).Is(HttpStatusCode.BadRequest, "INVALID_REQUEST");

    [Theory]
    [InlineData("a", "b")]
    [InlineData("", null)]
    [InlineData("\ud7ff", "\ue000")]
    [InlineData("a\U0010ffff", "b")]
    [InlineData("\U0010ffff\U0010ffff", null)]
    [InlineData("\uffff", "\U00010000")]
    public void The_end_of_a_prefix_is_the_next_code_point(string prefix, string? end) => Assert.Equal(end, KeyRange.EndOf(prefix));

    [Fact]
    public async Task A_page_is_read_from_the_index_however_long_the_list_is()
    {
        await FillAsync(1);
        await using var connection = new NpgsqlConnection(_store.ConnectionString);
        await connection.OpenAsync();
        await using var fill = new NpgsqlCommand("""
            INSERT INTO items SELECT 'user:' || (i % 3), 'k' || lpad(i::text, 7, '0'), 1, 1, now(), now(), 'v' FROM generate_series(1, 30000) i;
            ANALYZE items;
            """, connection);
        await fill.ExecuteNonQueryAsync();
        await using var explain = new NpgsqlCommand("""
            EXPLAIN SELECT key, size, created_at, updated_at FROM items
            WHERE owner = 'user:1' AND key >= 'k00' AND key > 'k0015000' AND key < 'k01' ORDER BY key LIMIT 101
            """, connection);
        var plan = "";
        await using var reader = await explain.ExecuteReaderAsync();
        while (await reader.ReadAsync())
            plan += reader.GetString(0) + "\n";
        Assert.Contains("Index Scan using pk_items", plan, StringComparison.Ordinal);
        Assert.DoesNotContain("Sort", plan, StringComparison.Ordinal);
        Assert.DoesNotContain("Filter", plan, StringComparison.Ordinal);
    }

    private async Task FillAsync(int count)
    {
        await _alice.StoreAsync("key 0000", "v");
        await using var connection = new NpgsqlConnection(_store.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("""
            INSERT INTO items SELECT owner, 'key ' || lpad(i::text, 4, '0'), i, 1, now(), now(), 'v' FROM items, generate_series(1, $1) i
            """, connection) { Parameters = { new() { Value = count - 1 } } };
        await command.ExecuteNonQueryAsync();
    }
}
