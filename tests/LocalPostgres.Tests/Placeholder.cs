using Xunit;

namespace LocalPostgres.Tests;

public sealed class Placeholder
{
    [Fact]
    public void Compiles() => Assert.Equal(4, 2 + 2);
}
