using IdentityServer.Audit;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;

namespace IdentityServer.Storage;

/// <summary>
/// The EF Core model, for everything that is not hot. Grants and revocations go through <see cref="GrantStore"/>.
/// <c>dotnet ef</c> writes migrations from it, and a test checks that they match.
/// </summary>
internal sealed class AuthDb(DbContextOptions<AuthDb> options) : IdentityDbContext<User, Role, Guid>(options)
{
    public DbSet<ApplicationRow> Applications => Set<ApplicationRow>();

    /// <summary>The view that shows applications under the names of RFC 7591. The server writes with <c>Clients.ApplicationManager</c>.</summary>
    public DbSet<ClientRow> Clients => Set<ClientRow>();

    /// <summary>The view that joins resource servers and their scopes. The server writes with <c>Clients.ResourceScopes</c>.</summary>
    public DbSet<ResourceRow> Resources => Set<ResourceRow>();
    public DbSet<ResourceServerRow> ResourceServers => Set<ResourceServerRow>();
    public DbSet<ManifestEntryRow> ManifestEntries => Set<ManifestEntryRow>();
    public DbSet<KeyRow> Keys => Set<KeyRow>();
    public DbSet<ConfigurationRow> Configuration => Set<ConfigurationRow>();
    public DbSet<ResetTokenRow> ResetTokens => Set<ResetTokenRow>();
    public DbSet<SessionRow> Sessions => Set<SessionRow>();
    public DbSet<AuditEventRow> AuditEvents => Set<AuditEventRow>();

    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);
        // This version of Identity's schema has no passkeys, but leaves their data in the model.
        builder.Ignore<IdentityPasskeyData>();
        ModelUsers(builder);
        ModelOpenIddict(builder);
        ModelConfigured(builder);
        ModelGrants(builder);
        ModelSignIn(builder);
        ModelAudit(builder);
        foreach (var entity in builder.Model.GetEntityTypes())
            Name(entity);
    }

    /// <summary>Names columns by <see cref="ColumnNames"/>, and constraints as PostgreSQL would name them.</summary>
    private static void Name(IMutableEntityType entity)
    {
        foreach (var property in entity.GetProperties())
            property.SetColumnName(ColumnNames.Of(entity.ClrType, property.Name));
        entity.FindPrimaryKey()!.SetName($"{entity.GetTableName()}_pkey");
        foreach (var reference in entity.GetForeignKeys())
            reference.SetConstraintName($"{entity.GetTableName()}_{string.Join('_', reference.Properties.Select(property => property.GetColumnName()))}_fkey");
    }

    private static void ModelUsers(ModelBuilder builder)
    {
        builder.Entity<User>(user =>
        {
            user.ToTable("users").HasStorageParameter("fillfactor", 90);
            user.Property(u => u.Id).ValueGeneratedNever();
            // Folded names may be longer than what was typed; registration checks the limits.
            user.Property(u => u.UserName).HasMaxLength(-1).HasColumnType("text").IsRequired();
            user.Property(u => u.NormalizedUserName).HasMaxLength(-1).HasColumnType("text").IsRequired();
            user.Property(u => u.Email).HasMaxLength(-1).HasColumnType("text");
            user.Property(u => u.NormalizedEmail).HasMaxLength(-1).HasColumnType("text");
            user.Property(u => u.SecurityStamp).IsRequired();
            user.Property(u => u.Profile).HasColumnType("jsonb").HasDefaultValueSql("'{}'::jsonb");
            user.HasIndex(u => u.NormalizedUserName).IsUnique().HasDatabaseName("users_by_name");
            user.HasIndex(u => u.NormalizedEmail).IsUnique().HasDatabaseName("users_by_email");
        });
        builder.Entity<Role>(role =>
        {
            role.ToTable("roles");
            role.Property(r => r.Id).ValueGeneratedNever();
            role.HasIndex(r => r.NormalizedName).IsUnique().HasDatabaseName("roles_by_name");
        });
        builder.Entity<IdentityUserRole<Guid>>(membership =>
        {
            membership.ToTable("user_roles");
            membership.HasIndex(m => m.RoleId).HasDatabaseName("user_roles_by_role");
        });
        builder.Entity<IdentityUserClaim<Guid>>(claim =>
        {
            claim.ToTable("user_claims");
            claim.HasIndex(c => c.UserId).HasDatabaseName("user_claims_by_user");
        });
        builder.Entity<IdentityUserLogin<Guid>>(login =>
        {
            login.ToTable("user_logins");
            login.HasIndex(l => l.UserId).HasDatabaseName("user_logins_by_user");
        });
        builder.Entity<IdentityUserToken<Guid>>().ToTable("user_tokens");
        builder.Entity<IdentityRoleClaim<Guid>>(claim =>
        {
            claim.ToTable("role_claims");
            claim.HasIndex(c => c.RoleId).HasDatabaseName("role_claims_by_role");
        });
        builder.Entity<ResetTokenRow>(reset =>
        {
            reset.ToTable("reset_tokens");
            reset.HasKey(r => r.UserId);
            reset.Property(r => r.UserId).ValueGeneratedNever();
            reset.HasOne<User>().WithOne().HasForeignKey<ResetTokenRow>(r => r.UserId).OnDelete(DeleteBehavior.Cascade);
            reset.HasIndex(r => r.ExpiresAt).HasDatabaseName("reset_tokens_by_expiry");
        });
    }

    private static void ModelOpenIddict(ModelBuilder builder)
    {
        builder.UseOpenIddict<ApplicationRow, AuthorizationRow, ScopeRow, TokenRow, Guid>();
        builder.Entity<ApplicationRow>(application =>
        {
            application.ToTable("applications");
            application.Property(a => a.ClientId).IsRequired();
            // The addresses stay text, because OpenIddict searches them with LIKE.
            foreach (var json in (string[])[nameof(ApplicationRow.DisplayNames), nameof(ApplicationRow.JsonWebKeySet), nameof(ApplicationRow.Permissions), nameof(ApplicationRow.Properties), nameof(ApplicationRow.Requirements), nameof(ApplicationRow.Settings)])
                application.Property(json).HasColumnType("jsonb");
        });
        builder.Entity<AuthorizationRow>(authorization =>
        {
            authorization.ToTable("authorizations");
            // For pruning. Leaves out the permanent ones, which stay and may be many.
            authorization.HasIndex(a => a.CreationDate).HasFilter("type = 'ad-hoc' OR status <> 'valid'");
            authorization.HasIndex("ApplicationId", nameof(AuthorizationRow.Subject)).IsUnique().HasFilter("type = 'permanent' AND status = 'valid'");
            authorization.HasIndex(a => a.Subject);
            authorization.Property(a => a.Scopes).HasColumnType("jsonb");
            authorization.Property(a => a.Properties).HasColumnType("jsonb");
        });
        builder.Entity<ScopeRow>(scope =>
        {
            scope.ToTable("scopes");
            scope.Property(s => s.Name).IsRequired();
        });
        builder.Entity<TokenRow>(token =>
        {
            token.ToTable("tokens");
            token.Property(t => t.Properties).HasColumnType("jsonb");
            token.HasIndex(t => t.ExpirationDate);
        });
        foreach (var entity in (Type[])[typeof(ApplicationRow), typeof(AuthorizationRow), typeof(ScopeRow), typeof(TokenRow)])
        {
            var type = builder.Model.FindEntityType(entity)!;
            foreach (var index in type.GetIndexes())
                index.SetDatabaseName($"{type.GetTableName()}_by_{string.Join('_', index.Properties.Select(property => ColumnNames.Of(entity, property.Name)))}");
            foreach (var reference in type.GetForeignKeys())
                reference.DeleteBehavior = DeleteBehavior.Cascade;
        }
    }

    private static void ModelConfigured(ModelBuilder builder)
    {
        builder.Entity<ClientRow>(client =>
        {
            client.ToTable("clients", table => table.ExcludeFromMigrations());
            client.HasKey(c => c.ClientId);
            client.Property(c => c.Metadata).HasColumnType("jsonb");
        });
        builder.Entity<ResourceRow>(resource =>
        {
            resource.ToTable("resources", table => table.ExcludeFromMigrations());
            resource.HasKey(r => r.Identifier);
        });
        builder.Entity<ResourceServerRow>(resource =>
        {
            resource.ToTable("resource_servers");
            resource.HasKey(r => r.Identifier);
        });
        builder.Entity<ManifestEntryRow>(entry =>
        {
            entry.ToTable("manifest_entries");
            entry.HasKey(e => new { e.Kind, e.Name });
            entry.Property(e => e.ByStart).HasColumnType("jsonb");
            entry.Property(e => e.ByApply).HasColumnType("jsonb");
        });
        builder.Entity<KeyRow>(key =>
        {
            key.ToTable("keys");
            key.HasKey(k => k.KeyId);
        });
        builder.Entity<DataProtectionKeyRow>(key =>
        {
            key.ToTable("data_protection_keys");
            key.HasKey(k => k.FriendlyName);
        });
        builder.Entity<ConfigurationRow>(row =>
        {
            row.ToTable("configuration");
            row.HasKey(r => r.Id);
            row.Property(r => r.Id).ValueGeneratedNever();
            row.HasData(new ConfigurationRow());
        });
    }

    private static void ModelGrants(ModelBuilder builder)
    {
        builder.Entity<GrantRow>(grant =>
        {
            grant.ToTable("grants").HasStorageParameter("fillfactor", 70);
            grant.HasKey(g => g.Id);
            grant.Property(g => g.Id).ValueGeneratedNever();
            grant.Property(g => g.Details).HasColumnType("jsonb");
            grant.HasOne<User>().WithMany().HasForeignKey(g => g.Subject).OnDelete(DeleteBehavior.Cascade);
            grant.HasIndex(g => new { g.Subject, g.Id }).HasDatabaseName("grants_by_subject");
            grant.HasIndex(g => g.PrunableAt).HasDatabaseName("grants_by_prunable");
            // Revoked rows only, because a rotation must not touch an index.
            grant.HasIndex(g => g.RevokedAt).HasFilter("revoked_at IS NOT NULL").HasDatabaseName("grants_revoked");
        });
        builder.Entity<RevocationRow>(revocation =>
        {
            revocation.ToTable("revocations", table => table.HasCheckConstraint("revocations_end_one_thing", "num_nonnulls(jti, grant_id, subject) = 1"));
            revocation.HasKey(r => r.Id);
            revocation.Property(r => r.TransactionId).HasColumnType("xid8").HasDefaultValueSql("pg_current_xact_id()");
            revocation.HasIndex(r => r.TransactionId).HasDatabaseName("revocations_by_transaction");
            revocation.HasIndex(r => r.Until).HasDatabaseName("revocations_by_until");
        });
    }

    private static void ModelSignIn(ModelBuilder builder)
    {
        builder.Entity<SessionRow>(session =>
        {
            session.ToTable("sessions");
            session.Property(s => s.Id).ValueGeneratedNever();
            session.HasOne<User>().WithMany().HasForeignKey(s => s.UserId).OnDelete(DeleteBehavior.Cascade);
            session.HasIndex(s => new { s.UserId, s.Id }).HasDatabaseName("sessions_by_user");
            session.HasIndex(s => s.ExpiresAt).HasDatabaseName("sessions_by_expiry");
        });
        builder.Entity<SessionGrantRow>(member =>
        {
            member.ToTable("session_grants");
            member.HasKey(m => new { m.SessionId, m.GrantId });
            member.HasOne<SessionRow>().WithMany().HasForeignKey(m => m.SessionId).OnDelete(DeleteBehavior.Cascade);
        });
        builder.Entity<UsedJwtRow>(used =>
        {
            used.ToTable("used_jwts");
            used.HasIndex(u => u.Until).HasDatabaseName("used_jwts_by_until");
        });
        builder.Entity<RegistrationRow>(registration =>
        {
            registration.ToTable("registrations");
            registration.HasKey(r => r.TokenHash);
            registration.HasIndex(r => r.ExpiresAt).HasDatabaseName("registrations_by_expiry");
        });
        builder.Entity<OutboxRow>(message =>
        {
            message.ToTable("outbox");
            message.Property(m => m.Id).ValueGeneratedNever();
            message.HasIndex(m => m.DueAt).HasDatabaseName("outbox_by_due");
        });
    }

    private static void ModelAudit(ModelBuilder builder) => builder.Entity<AuditEventRow>(audited =>
    {
        audited.ToTable("audit_events");
        audited.HasKey(a => new { a.At, a.Id });
        audited.Property(a => a.Id).UseIdentityByDefaultColumn();
        audited.HasIndex(a => new { a.Subject, a.At }).HasDatabaseName("audit_events_by_subject");
    });
}
