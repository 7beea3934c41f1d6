using System.IO.Pipelines;

namespace Benchmarks.Floors;

/// <summary>Writes the answer to a form that was read, synchronously.</summary>
internal interface IAnswer
{
    /// <summary>Of the body in bytes.</summary>
    int Length { get; }

    /// <param name="value">Of the form's field <c>token</c>; empty if there is none.</param>
    void Write(ReadOnlySpan<byte> value, PipeWriter writer);
}

/// <summary>Bare Kestrel that reads a form and answers JSON.</summary>
internal sealed class FormFloor(IAnswer answer)
{
    public async Task AnswerAsync(HttpContext httpContext)
    {
        var reader = httpContext.Request.BodyReader;
        var read = await reader.ReadAsync();
        while (!read.IsCompleted)
        {
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            read = await reader.ReadAsync();
        }

        httpContext.Response.ContentType = "application/json";
        httpContext.Response.ContentLength = answer.Length;
        answer.Write(read.Buffer.IsSingleSegment ? Find(read.Buffer.FirstSpan) : Find(Joined(read)), httpContext.Response.BodyWriter);
        reader.AdvanceTo(read.Buffer.End);
        await httpContext.Response.BodyWriter.FlushAsync();
    }

    /// <summary>Passes over all pairs, as a server must, and keeps one value. The loads need no unescaping.</summary>
    private static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> form)
    {
        ReadOnlySpan<byte> found = default;
        while (!form.IsEmpty)
        {
            var end = form.IndexOf((byte)'&');
            var pair = end < 0 ? form : form[..end];
            form = end < 0 ? default : form[(end + 1)..];
            var equals = pair.IndexOf((byte)'=');
            if (equals > 0 && pair[..equals].SequenceEqual("token"u8))
                found = pair[(equals + 1)..];
        }

        return found;
    }

    private static byte[] Joined(ReadResult read)
    {
        var bytes = new byte[read.Buffer.Length];
        var at = 0;
        foreach (var part in read.Buffer)
        {
            part.Span.CopyTo(bytes.AsSpan(at));
            at += part.Length;
        }

        return bytes;
    }
}

/// <summary>The same bytes each time.</summary>
internal sealed class ConstantAnswer(byte[] answer) : IAnswer
{
    public int Length => answer.Length;

    public void Write(ReadOnlySpan<byte> value, PipeWriter writer)
    {
        answer.CopyTo(writer.GetSpan(answer.Length));
        writer.Advance(answer.Length);
    }
}
