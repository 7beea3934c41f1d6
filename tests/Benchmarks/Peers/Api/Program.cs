using IdentityServer.ResourceServer;
using IdentityServer.ResourceServer.JwtBearer;
using Microsoft.AspNetCore.Authentication.JwtBearer;

// Api jwtbearer|feed|package: one route behind a token, checked by JwtBearer alone, by JwtBearer with our revocation feed,
// or by our package. All else is alike.
var builder = WebApplication.CreateBuilder();
var settings = builder.Configuration.GetSection("Api");
if (args[0] == "package")
    builder.Services.AddIdentityServerTokens(builder.Configuration, "Api");
else
{
    var authentication = builder.Services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme).AddJwtBearer(options =>
    {
        options.Authority = settings["Authority"];
        options.Audience = settings["Resource"];
        options.RequireHttpsMetadata = false;
    });
    if (args[0] == "feed")
    {
        authentication.AddRevocationFeed(feed =>
        {
            feed.ClientId = settings["ClientId"]!;
            feed.ClientSecret = settings["ClientSecret"]!;
            feed.AllowInsecureHttp = true;
        });
    }
}
builder.Services.AddAuthorization();

var app = builder.Build();
app.UseAuthentication();
app.UseAuthorization();
app.MapGet("/orders", () => "ordered").RequireAuthorization();
app.MapGet("/", () => "up");
await app.RunAsync();
