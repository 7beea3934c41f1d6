using Hosting;
using ResourceApi.Web;

namespace ResourceApi.Health;

internal static class HealthEndpoints
{
    public const string Live = "/health/live";
    public const string Ready = "/health/ready";

    private static readonly string[] ReadMethods = [HttpMethods.Get, HttpMethods.Head];

    public static void Map(IEndpointRouteBuilder routes)
    {
        var drain = routes.ServiceProvider.GetRequiredService<Drain>();
        var readiness = routes.ServiceProvider.GetRequiredService<Readiness>();
        routes.MapMethods(Live, ReadMethods, context => SayAsync(context, "Alive.")).AllowAnonymous();
        routes.MapMethods(Ready, ReadMethods, async context =>
        {
            if (drain.IsStopping)
                await Envelope.RefuseAsync(context, Refusal.Stopping);
            else if (await readiness.CheckAsync())
                await SayAsync(context, "Ready.");
            else
                await Envelope.RefuseAsync(context, Refusal.NotReady);
        }).AllowAnonymous();
    }

    private static Task SayAsync(HttpContext context, string message)
    {
        context.Response.Headers.CacheControl = "no-store";
        return Envelope.WriteAsync<object?>(context, StatusCodes.Status200OK, message, null, null);
    }
}
