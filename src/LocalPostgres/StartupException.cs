namespace LocalPostgres;

/// <summary>What stops a program at its start, in one line for the operator. Print <see cref="Exception.Message"/> and exit with <see cref="ExitCode"/>.</summary>
public sealed class StartupException(string message, Exception? inner = null) : Exception(message, inner)
{
    public int ExitCode { get; init; } = 1;
}
