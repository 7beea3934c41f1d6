using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Json;
using IdentityServer.Clients;
using IdentityServer.Outbound;
using IdentityServer.Protocol.Jwt;

namespace IdentityServer.Protocol.ClientAuthentication;

/// <summary>
/// The keys that clients sign with: either registered as <c>jwks</c> and parsed once for each version of the configuration, or fetched
/// from their <c>jwks_uri</c> and cached. However many requests wait for them, they are fetched once.
/// </summary>
internal sealed class ClientKeys(OutboundHttp outbound, CurrentConfiguration configuration, ClientAssertionSettings settings, TimeProvider timeProvider, ILoggerFactory logs)
{
    /// <summary>Concurrent fetches for all clients together. One that gets no answer holds its place for <see cref="OutboundHttp.Deadline"/>.</summary>
    private const int MaximumFetches = 64;

    private const int CachesBetweenSweeps = 256;

    private const int MaximumNumberLength = 40;

    private readonly ConditionalWeakTable<Client, JwtVerifier> _registered = [];
    private readonly ConcurrentDictionary<string, FetchedKeys> _fetched = new(StringComparer.Ordinal);
    private readonly FetchedKeys.Source _source = new(outbound, new SemaphoreSlim(MaximumFetches), settings.Algorithms, timeProvider, logs.CreateLogger<FetchedKeys>());

    public async ValueTask<Result<JwtVerifier>> FindAsync(Client client, CancellationToken cancellationToken)
    {
        if (client.Metadata.Jwks is not null)
            return _registered.GetValue(client, Parse);
        return client.Metadata.JwksUri is null ? Errors.ClientRefused : await CacheOf(client).FindAsync(cancellationToken);
    }

    /// <summary>For an unknown <c>kid</c>: newer keys than those; null: there are none, or they were fetched just now.</summary>
    public async ValueTask<JwtVerifier?> FindNewerAsync(Client client, JwtVerifier known, CancellationToken cancellationToken)
    {
        if (client.Metadata.Jwks is not null || client.Metadata.JwksUri is null)
            return null;
        var newer = await CacheOf(client).FindAsync(cancellationToken, known);
        return newer.IsRefused || ReferenceEquals(newer.Value, known) ? null : newer.Value;
    }

    /// <summary>The keys of the set that may verify, limited to the client's registered algorithm if it has one.</summary>
    /// <param name="may">The algorithms that the server accepts.</param>
    internal static JwtVerifier? TryParse(ReadOnlySpan<byte> utf8, string? algorithm, string[] may)
    {
        string[] accepted = algorithm is null ? may : [.. may.Where(one => one == algorithm)];
        return JwtVerifier.TryParse(utf8, accepted, out var keys) && keys.Keys.Any() ? keys : null;
    }

    /// <summary>Whether a JWK Set holds private key material (RFC 7518 §6.2.2, §6.3.2, §6.4.1).</summary>
    internal static bool HasPrivateKey(JsonElement set) => set.GetProperty("keys").EnumerateArray().Any(
        key => key.ValueKind == JsonValueKind.Object && (key.TryGetProperty("d", out _) || key.TryGetProperty("k", out _)));

    /// <summary>
    /// Whether PostgreSQL can store a JWK Set as it was written: no NUL and no lone surrogate in a string, no number
    /// beyond the range of <c>numeric</c>. No member in RFC 7517 or RFC 7518 needs any of these.
    /// </summary>
    internal static bool IsStorable(JsonElement json)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var member in json.EnumerateObject())
                {
                    if (!IsStorable(JsonMarshal.GetRawUtf8PropertyName(member)) || !IsStorable(member.Value))
                        return false;
                }
                return true;
            case JsonValueKind.Array:
                foreach (var item in json.EnumerateArray())
                {
                    if (!IsStorable(item))
                        return false;
                }
                return true;
            case JsonValueKind.String:
                return IsStorable(JsonMarshal.GetRawUtf8Value(json)[1..^1]);
            case JsonValueKind.Number:
                return JsonMarshal.GetRawUtf8Value(json) is { Length: <= MaximumNumberLength } number && !number.ContainsAny((byte)'e', (byte)'E');
            default:
                return true;
        }
    }

    /// <param name="escaped">As the JSON has it, without the quotes.</param>
    private static bool IsStorable(ReadOnlySpan<byte> escaped)
    {
        if (!escaped.Contains((byte)'\\'))
            return true;
        try
        {
            var reader = new Utf8JsonReader([(byte)'"', .. escaped, (byte)'"']);
            return reader.Read() && !reader.GetString()!.Contains('\0', StringComparison.Ordinal);
        }
        catch (InvalidOperationException)
        {
            // RFC 8259 §8.2: a lone surrogate is not a character.
            return false;
        }
    }

    // The set was validated at registration; one without keys verifies nothing.
    private JwtVerifier Parse(Client client) =>
        TryParse(JsonMarshal.GetRawUtf8Value(client.Metadata.Jwks!.Value), client.Metadata.TokenEndpointAuthSigningAlg, settings.Algorithms) ?? new JwtVerifier([]);

    private FetchedKeys CacheOf(Client client)
    {
        var (uri, algorithm) = (client.Metadata.JwksUri!, client.Metadata.TokenEndpointAuthSigningAlg);
        if (_fetched.TryGetValue(client.ClientId, out var known) && known.IsOf(uri, algorithm))
            return known;
        if (_fetched.Count % CachesBetweenSweeps == CachesBetweenSweeps - 1)
            Sweep();
        return _fetched.AddOrUpdate(
            client.ClientId,
            clientId => new FetchedKeys(_source, clientId, uri, algorithm),
            (clientId, other) => other.IsOf(uri, algorithm) ? other : new FetchedKeys(_source, clientId, uri, algorithm));
    }

    private void Sweep()
    {
        foreach (var clientId in _fetched.Keys)
        {
            if (configuration.Value.FindClient(clientId)?.Metadata.JwksUri is null)
                _fetched.TryRemove(clientId, out _);
        }
    }
}
