using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace IdentityServer.Storage;

/// <summary>JWTs that may be used once, on any node and after any restart: client assertions (RFC 7523 §3), proofs of possession (RFC 9449 §11.1).</summary>
internal sealed class UsedJwts(NpgsqlDataSource source)
{
    /// <summary>Who uses the table: what one kind has seen means nothing to the other.</summary>
    public const string ClientAssertion = "client_assertion";
    public const string DpopProof = "dpop_proof";

    // Whoever inserts the row has used the JWT; every other finds it there, however many come at once.
    private const string UseSql = "INSERT INTO used_jwts (id, until) VALUES ($1, $2) ON CONFLICT DO NOTHING";

    /// <summary>A node whose clock is behind may still take what another one's pruning deems past.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(2);

    /// <summary>False: it was used before.</summary>
    /// <param name="issuer">Whose <c>jti</c> it is: a client's id, a key's thumbprint.</param>
    /// <param name="until">When it is refused for its age anyway, clock skew included.</param>
    public async Task<bool> TryUseAsync(string kind, string issuer, string jwtId, DateTimeOffset until, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(UseSql);
        // Neither a kind nor an issuer holds a NUL: no two triples make one text.
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = SHA256.HashData(Encoding.UTF8.GetBytes($"{kind}\0{issuer}\0{jwtId}")) });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = until + Margin });
        return await command.ExecuteNonQueryAsync(cancellation) == 1;
    }
}
