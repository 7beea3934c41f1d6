using ArchUnitNET.Loader;
using Dpop;
using IdentityServer.Protocol;
using Testing;
using Loaded = ArchUnitNET.Domain.Architecture;

namespace IdentityServer.Tests.Architecture;

/// <summary>The compiled assemblies, loaded once.</summary>
internal static class Programs
{
    private static readonly string Here = AppContext.BaseDirectory;

    // Not referenced, as the two programs share no code: loaded from where the same configuration was built.
    private static readonly string ResourceApiFolder = Path.Combine(
        Repository.Root, "src", "ResourceApi", "bin", new DirectoryInfo(Here).Parent!.Name, "net10.0");

    public static readonly Loaded Server = new ArchLoader().LoadAssemblies(typeof(Errors).Assembly).Build();

    public static readonly Loaded Dpop = new ArchLoader().LoadAssemblies(typeof(DpopProof).Assembly).Build();

    public static readonly Loaded ResourceServers = new ArchLoader()
        .LoadFilteredDirectory(ResourceApiFolder, "ResourceApi.dll").LoadFilteredDirectory(ResourceApiFolder, "IdentityServer.ResourceServer.dll").Build();

    public static readonly Loaded Planted = new ArchLoader().LoadAssemblies(typeof(Programs).Assembly).Build();

    /// <summary>The string literals of each assembly, whether or not it may hold SQL.</summary>
    public static readonly Dictionary<string, List<Literal>> Texts = new[]
    {
        Path.Combine(Here, "IdentityServer.dll"), Path.Combine(Here, "IdentityServer.Dpop.dll"), Path.Combine(Here, "ServiceDefaults.dll"),
        Path.Combine(ResourceApiFolder, "ResourceApi.dll"), Path.Combine(ResourceApiFolder, "IdentityServer.ResourceServer.dll"),
    }.ToDictionary(path => Path.GetFileNameWithoutExtension(path), Literals.Read);
}
