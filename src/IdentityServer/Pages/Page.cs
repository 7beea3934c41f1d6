using Microsoft.AspNetCore.Components;

namespace IdentityServer.Pages;

/// <summary>A page: a Razor component rendered on the server. It shows a model and makes no decisions.</summary>
public abstract class Page<TModel> : ComponentBase
{
    [Parameter, EditorRequired]
    public required PageFrame Frame { get; set; }

    [Parameter, EditorRequired]
    public required TModel Model { get; set; }

    /// <summary>A text in the reader's language.</summary>
    /// <param name="values">Values for <c>{0}</c>, <c>{1}</c>, … in the text.</param>
    protected string T(string name, params ReadOnlySpan<object?> values) => Frame.Texts.Say(name, values);
}
