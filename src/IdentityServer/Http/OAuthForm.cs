using System.Buffers;
using IdentityServer.Protocol;
using Microsoft.Net.Http.Headers;

namespace IdentityServer.Http;

/// <summary>Reads the body of a protocol request within its limits.</summary>
internal static class OAuthForm
{
    /// <summary>Credentials and grants in an address end up in logs and histories (RFC 6749 §2.3.1, §3.2).</summary>
    private static readonly string[] NeverInQuery =
    [
        Parameters.GrantType, Parameters.ClientId, Parameters.ClientSecret, Parameters.Username, Parameters.Password,
        Parameters.RefreshToken, Parameters.Token, Parameters.AccessToken, Parameters.Scope, Parameters.ClientAssertion,
        Parameters.DeviceCode,
    ];

    public static async ValueTask<Result<OAuthParameters>> ReadAsync(HttpContext httpContext)
    {
        var parameters = await ReadLenientlyAsync(httpContext);
        return !parameters.IsRefused && parameters.Value.HasRepeated ? Errors.DuplicateParameter : parameters;
    }

    /// <summary>The same, for those who answer what is repeated themselves (<see cref="OAuthParameters.ParseLeniently"/>).</summary>
    public static async ValueTask<Result<OAuthParameters>> ReadLenientlyAsync(HttpContext httpContext)
    {
        if (httpContext.Request.QueryString.HasValue && NeverInQuery.Any(httpContext.Request.Query.ContainsKey))
            return Errors.ParametersInQuery;
        if (!IsForm(httpContext.Request.ContentType))
            return Errors.NotAForm;
        if (httpContext.Request.ContentLength > OAuthParameters.MaximumBodyLength)
            return Errors.BodyTooLarge;

        var reader = httpContext.Request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(httpContext.RequestAborted);
            if (read.Buffer.Length > OAuthParameters.MaximumBodyLength)
            {
                reader.AdvanceTo(read.Buffer.End);
                return Errors.BodyTooLarge;
            }
            if (read.IsCompleted)
            {
                var parameters = Parse(read.Buffer);
                reader.AdvanceTo(read.Buffer.End);
                return parameters;
            }
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private static Result<OAuthParameters> Parse(in ReadOnlySequence<byte> body)
    {
        if (body.IsSingleSegment)
            return OAuthParameters.ParseLeniently(body.FirstSpan);
        var length = (int)body.Length;
        var rented = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            body.CopyTo(rented);
            return OAuthParameters.ParseLeniently(rented.AsSpan(0, length));
        }
        finally
        {
            // It may have held a password.
            ArrayPool<byte>.Shared.Return(rented, clearArray: true);
        }
    }

    public static bool IsForm(string? contentType)
    {
        const string form = "application/x-www-form-urlencoded";
        if (contentType is null)
            return false;
        if (contentType.Equals(form, StringComparison.OrdinalIgnoreCase))
            return true;
        return MediaTypeHeaderValue.TryParse(contentType, out var parsed)
            && parsed.MediaType.Equals(form, StringComparison.OrdinalIgnoreCase)
            && (!parsed.Charset.HasValue || parsed.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase) || parsed.Charset.Equals("\"utf-8\"", StringComparison.OrdinalIgnoreCase));
    }
}
