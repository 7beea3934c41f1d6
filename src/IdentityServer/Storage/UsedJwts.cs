using System.Security.Cryptography;
using System.Text;
using Npgsql;
using static IdentityServer.Storage.Statements;

namespace IdentityServer.Storage;

/// <summary>JWTs that may be used only once, across all nodes and restarts: client assertions (RFC 7523 §3), proofs of possession (RFC 9449 §11.1).</summary>
internal sealed class UsedJwts(NpgsqlDataSource source)
{
    /// <summary>The kinds of JWT in the table. They do not affect each other.</summary>
    public const string ClientAssertion = "client_assertion";
    public const string DpopProof = "dpop_proof";

    // The request that inserts the row has used the JWT. All others find the row, even if they come at the same time.
    private const string UseSql = "INSERT INTO used_jwts (id, until) VALUES ($1, $2) ON CONFLICT DO NOTHING";

    /// <summary>A node whose clock is slow may still accept a JWT that another node would prune.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(2);

    /// <summary>False: it has been used already.</summary>
    /// <param name="issuer">The issuer of the <c>jti</c>: a client's id or a key's thumbprint.</param>
    /// <param name="until">From when on it is refused as too old anyway, clock skew included.</param>
    public async Task<bool> TryUseAsync(string kind, string issuer, string jwtId, DateTimeOffset until, CancellationToken cancellationToken) =>
        // Neither a kind nor an issuer holds a NUL, so two different triples never make the same text.
        await source.Command(UseSql,
            P(SHA256.HashData(Encoding.UTF8.GetBytes($"{kind}\0{issuer}\0{jwtId}"))), P(until + Margin)).ExecuteAsync(cancellationToken) == 1;
}
