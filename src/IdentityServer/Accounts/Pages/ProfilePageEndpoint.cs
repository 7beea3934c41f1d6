using IdentityServer.Http;
using IdentityServer.Pages;
using IdentityServer.Settings;
using IdentityServer.Storage;
using Microsoft.EntityFrameworkCore;

namespace IdentityServer.Accounts.Pages;

/// <summary><c>/account/profile</c>: the data for clients with the scopes <c>profile</c>, <c>phone</c> and <c>address</c>.</summary>
internal sealed class ProfilePageEndpoint(PageWriter pages, PageForms forms, IssuerSettings issuer, TimeProvider time)
{
    public async Task GetAsync(HttpContext http, SessionState session)
    {
        var user = await http.InOwnScopeAsync((services, deadline) => services.GetRequiredService<AuthDb>().Users.AsNoTracking()
            .Where(user => user.Id == session.UserId).Select(user => new { user.FullName, user.Gender, user.PhoneNumber, user.Profile }).SingleAsync(deadline));
        Dictionary<string, string> values = [];
        foreach (var (name, value) in new[] { ("full_name", user.FullName), ("gender", user.Gender), ("phone_number", user.PhoneNumber) })
        {
            if (value is not null)
                values[name] = value;
        }
        ProfileForm.Read(user.Profile, values);
        await WriteAsync(http, StatusCodes.Status200OK, values, [], http.Request.Query["notice"] == "saved" ? "profile.saved" : null);
    }

    public async Task PostAsync(HttpContext http, SessionState session)
    {
        if (await forms.ReadAsync(http) is not { } form)
            return;
        var texts = Languages.Choose(http);
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
            await WriteAsync(http, StatusCodes.Status400BadRequest, values, errors, notice: null);
            return;
        }

        var saved = new SavedProfile(
            values.GetValueOrDefault("full_name"), values.GetValueOrDefault("gender"), values.GetValueOrDefault("phone_number"), ProfileForm.Replaced, ProfileForm.Write(values));
        await http.InOwnScopeAsync((services, deadline) =>
            ProfileStore.SaveAsync(services.GetRequiredService<AuthDb>(), session.UserId, saved, time.GetUtcNow(), deadline));
        SeeOther.Write(http, $"{issuer.Path}{PageRoutes.Profile}?notice=saved");
    }

    private Task WriteAsync(HttpContext http, int status, Dictionary<string, string> values, Dictionary<string, string> errors, string? notice) =>
        pages.WriteAsync<ProfilePage, ProfileModel>(http, status, new ProfileModel(values, errors, notice is null ? null : Languages.Choose(http)[notice]));
}
