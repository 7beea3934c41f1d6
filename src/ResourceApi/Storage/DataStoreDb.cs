using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace ResourceApi.Storage;

internal sealed class ItemRow
{
    public required string Owner { get; init; }
    public required string Key { get; init; }
    public required string Value { get; init; }
    public required long Version { get; init; }
    public required int Size { get; init; }
    public required DateTime CreatedAt { get; init; }
    public required DateTime UpdatedAt { get; init; }
}

/// <summary>Describes the schema and migrates it. Requests use <see cref="ItemStore"/>.</summary>
internal sealed class DataStoreDb(DbContextOptions<DataStoreDb> options) : DbContext(options)
{
    public DbSet<ItemRow> Items => Set<ItemRow>();

    // EF's model snapshot comes from its design package, which this program does not use; a test compares the migrated
    // database with the model instead.
    protected override void OnConfiguring(DbContextOptionsBuilder optionsBuilder) =>
        optionsBuilder.ConfigureWarnings(warnings => warnings.Ignore(RelationalEventId.PendingModelChangesWarning));

    protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.Entity<ItemRow>(item =>
    {
        item.ToTable("items");
        item.HasKey(row => new { row.Owner, row.Key }).HasName("pk_items");
        item.Property(row => row.Owner).HasColumnName("owner").UseCollation("C");
        item.Property(row => row.Key).HasColumnName("key").UseCollation("C");
        item.Property(row => row.Value).HasColumnName("value");
        item.Property(row => row.Version).HasColumnName("version");
        item.Property(row => row.Size).HasColumnName("size");
        item.Property(row => row.CreatedAt).HasColumnName("created_at");
        item.Property(row => row.UpdatedAt).HasColumnName("updated_at");
    });
}
