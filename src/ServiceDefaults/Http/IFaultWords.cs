using Microsoft.AspNetCore.Http;

namespace ServiceDefaults.Http;

/// <summary>What a program says where no endpoint did.</summary>
internal interface IFaultWords
{
    /// <summary>Writes the body of an answer that has only its status.</summary>
    Task AnswerAsync(HttpContext httpContext, int status);

    /// <summary>The members of the body for what Kestrel refuses before there is a request; its headers are unknown.</summary>
    (string Name, string Value)[] Describe(KestrelRefusal refusal);
}
