using IdentityServer.Http;
using IdentityServer.Pages;
using IdentityServer.Settings;
using IdentityServer.Storage;
using Microsoft.EntityFrameworkCore;

namespace IdentityServer.Accounts.Pages;

/// <summary><c>/account/profile</c>: the data for clients with the scopes <c>profile</c>, <c>phone</c> and <c>address</c>.</summary>
internal sealed class ProfilePageEndpoint(PageWriter pages, PageForms forms, IssuerSettings issuer, TimeProvider timeProvider)
{
    public async Task GetAsync(HttpContext httpContext, SessionState session)
    {
        var user = await httpContext.InOwnScopeAsync((services, deadline) => services.GetRequiredService<AuthDb>().Users.AsNoTracking()
            .Where(user => user.Id == session.UserId).Select(user => new { user.FullName, user.Gender, user.PhoneNumber, user.Profile }).SingleAsync(deadline));
        Dictionary<string, string> values = [];
        foreach (var (name, value) in new[] { ("full_name", user.FullName), ("gender", user.Gender), ("phone_number", user.PhoneNumber) })
        {
            if (value is not null)
                values[name] = value;
        }
        ProfileForm.Read(user.Profile, values);
        await WriteAsync(httpContext, StatusCodes.Status200OK, values, [], httpContext.Request.Query["notice"] == "saved" ? "profile.saved" : null);
    }

    public async Task PostAsync(HttpContext httpContext, SessionState session)
    {
        if (await forms.ReadAsync(httpContext) is not { } form)
            return;
        var texts = Languages.Choose(httpContext);
        Dictionary<string, string> values = [];
        Dictionary<string, string> errors = [];
        foreach (var name in ProfileForm.Fields)
        {
            var value = form[name].Trim();
            if (value.Length == 0)
                continue;
            values[name] = value;
            if (ProfileForm.Refuse(name, value) is { } refused)
                errors[name] = texts[refused];
        }
        if (errors.Count > 0)
        {
            await WriteAsync(httpContext, StatusCodes.Status400BadRequest, values, errors, notice: null);
            return;
        }

        var saved = new SavedProfile(
            values.GetValueOrDefault("full_name"), values.GetValueOrDefault("gender"), values.GetValueOrDefault("phone_number"), ProfileForm.Replaced, ProfileForm.Write(values));
        await httpContext.InOwnScopeAsync((services, deadline) =>
            ProfileStore.SaveAsync(services.GetRequiredService<AuthDb>(), session.UserId, saved, timeProvider.GetUtcNow(), deadline));
        SeeOther.Write(httpContext, $"{issuer.Path}{PageRoutes.Profile}?notice=saved");
    }

    private Task WriteAsync(HttpContext httpContext, int status, Dictionary<string, string> values, Dictionary<string, string> errors, string? notice) =>
        pages.WriteAsync<ProfilePage, ProfileModel>(httpContext, status, new ProfileModel(values, errors, notice is null ? null : Languages.Choose(httpContext)[notice]));
}
