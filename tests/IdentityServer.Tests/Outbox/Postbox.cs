using System.Collections.Concurrent;
using System.Text;
using IdentityServer.Outbox;
using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace IdentityServer.Tests.Outbox;

/// <summary>A delivery that records its messages and answers as a test says.</summary>
internal sealed class Postbox(Func<OutboxMessage, CancellationToken, Task<Delivery>>? answer = null) : IOutboxDelivery
{
    public const string Word = "test";

    public string Kind => Word;

    public int Workers => 4;

    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>The content of each attempt.</summary>
    public ConcurrentQueue<string> Delivered { get; } = new();

    public Task<Delivery> DeliverAsync(OutboxMessage message, CancellationToken cancellationToken)
    {
        Delivered.Enqueue(Encoding.UTF8.GetString(message.Content));
        return answer is null ? Task.FromResult(Delivery.Done) : answer(message, cancellationToken);
    }

    public void Mount(WebApplicationBuilder builder) => builder.Services.AddSingleton<IOutboxDelivery>(this);
}

internal static class Posting
{
    public static Task PostsAsync(this ServerUnderTest server, string text, TimeSpan? keep = null) =>
        server.Services.GetRequiredService<OutboxStore>().AddAsync(Postbox.Word, Encoding.UTF8.GetBytes(text), keep ?? TimeSpan.FromHours(1), CancellationToken.None);

    /// <summary>In one transaction, for one target.</summary>
    public static async Task PostsToAsync(this ServerUnderTest server, string target, params string[] texts)
    {
        var store = server.Services.GetRequiredService<OutboxStore>();
        await using (var connection = new NpgsqlConnection(server.ConnectionString))
        {
            await connection.OpenAsync();
            await store.AddAsync(
                connection, Postbox.Word, [.. texts.Select(Encoding.UTF8.GetBytes)], [.. texts.Select(_ => target)], server.Clock.GetUtcNow().AddHours(1), CancellationToken.None);
        }
        store.Wake(Postbox.Word);
    }

    /// <summary>What the Quartz job does every few seconds.</summary>
    public static void LooksForMessages(this ServerUnderTest server) => server.Services.GetRequiredService<OutboxDelivery>().WakeAll();
}
