namespace Hosting;

/// <summary>What stops a program at its start, in one line for the operator. Print <see cref="Exception.Message"/> and exit with 1.</summary>
public sealed class StartupException(string message, Exception? inner = null) : Exception(message, inner);
