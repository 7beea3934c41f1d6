using System.ComponentModel.DataAnnotations;
using Microsoft.IdentityModel.Tokens;

namespace IdentityServer.Protocol;

/// <summary>Which signature algorithms of clients are taken.</summary>
internal static class SignatureAlgorithms
{
    public static readonly string[] Served = [SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSha256];

    /// <summary>Those that are listed, in the order of <see cref="Served"/>; all of them for an empty list.</summary>
    public static string[] InOrder(string[] listed) => listed.Length == 0 ? Served : [.. Served.Where(listed.Contains)];
}

[AttributeUsage(AttributeTargets.Property)]
internal sealed class SignatureAlgorithmsAttribute() : AllowedValuesAttribute([.. SignatureAlgorithms.Served]);
