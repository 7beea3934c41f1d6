using Microsoft.AspNetCore.Components;

namespace IdentityServer.Pages;

/// <summary>A page: a Razor component that is rendered here and sent whole. It shows a model and decides nothing.</summary>
public abstract class Page<TModel> : ComponentBase
{
    [Parameter, EditorRequired]
    public required PageFrame Frame { get; set; }

    [Parameter, EditorRequired]
    public required TModel Model { get; set; }

    /// <summary>A text in the reader's language.</summary>
    /// <param name="values">Fill the places <c>{0}</c>, <c>{1}</c>, … of the text.</param>
    protected string T(string name, params ReadOnlySpan<object?> values) => Frame.Texts.Say(name, values);
}
