using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

namespace IdentityServer.Storage;

/// <summary>For <c>dotnet ef</c>, which writes migrations from the model alone: no database is opened.</summary>
internal sealed class AuthDbDesignTimeFactory : IDesignTimeDbContextFactory<AuthDb>
{
    public AuthDb CreateDbContext(string[] args) => new(new DbContextOptionsBuilder<AuthDb>().UseNpgsql("Host=nowhere").Options);
}
