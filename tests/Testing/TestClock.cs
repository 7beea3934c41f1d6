namespace Testing;

/// <summary>
/// A clock that a test can move forward. It runs on from the real time, so that what is signed by one program
/// is not in the future of another; only <see cref="Advance"/> makes it differ. Timers stay real.
/// </summary>
public sealed class TestClock : TimeProvider
{
    private long _offsetTicks;

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow().AddTicks(Interlocked.Read(ref _offsetTicks));

    public void Advance(TimeSpan by) => Interlocked.Add(ref _offsetTicks, by.Ticks);
}
