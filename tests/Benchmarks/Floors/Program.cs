using Benchmarks.Floors;

// Floors MODE ANSWER-FILE: the least that a server on Kestrel can do for a job, answering with the same bytes as our
// server (a signing floor puts in its own token of the same size). ASPNETCORE_URLS says where.
if (args is not [var mode, var answerFile])
{
    await Console.Error.WriteLineAsync("Usage: Floors constant|es256|rs256|verify|select|update ANSWER-FILE");
    return 2;
}

var answer = await File.ReadAllBytesAsync(answerFile);
RequestDelegate? floor = mode switch
{
    "constant" => new FormFloor(new ConstantAnswer(answer)).AnswerAsync,
    "es256" or "rs256" => new FormFloor(new SignedAnswer(answer, mode)).AnswerAsync,
    "verify" => new FormFloor(new VerifiedAnswer(answer, Setting("FLOOR_JWKS"))).AnswerAsync,
    "select" => (await SelectFloor.OpenAsync(answer, Setting("FLOOR_DATABASE"), Setting("FLOOR_OWNER"))).AnswerAsync,
    "update" => (await UpdateFloor.OpenAsync(answer, Setting("FLOOR_DATABASE"), Setting("FLOOR_OWNER"))).AnswerAsync,
    _ => null,
};
if (floor is null)
{
    await Console.Error.WriteLineAsync($"There is no floor {mode}.");
    return 2;
}

var builder = WebApplication.CreateEmptyBuilder(new());
builder.WebHost.UseKestrelCore().UseUrls(Setting("ASPNETCORE_URLS"));
builder.WebHost.ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
var app = builder.Build();
app.Run(floor);
await app.RunAsync();
return 0;

static string Setting(string name) =>
    Environment.GetEnvironmentVariable(name) ?? throw new InvalidOperationException($"{name} is missing.");
