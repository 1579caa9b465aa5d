import Glibc

/// `[queue]` of config.toml: how much waits, how much runs, and how long ended tasks are kept.
package struct QueueConfiguration: Equatable, Sendable {
    /// Attempts at a time, those of every instance on one state directory together; 1…256.
    package var maxRunning = Self.slots
    /// Tasks that are queued or blocked; 1…100000. One more is refused.
    package var maxLength = 1_000
    /// How long a task is kept after its end, at least a minute; then its record and its files are removed.
    package var retention = Bound<TimeSpan>.unlimited

    package init() {}

    static let running = 1...256
    static let length = 1...100_000
    static let keeping = Bound.limited(TimeSpan(milliseconds: 60_000))...Bound<TimeSpan>.unlimited

    /// Agents mostly wait for the network. What the machine can carry of those that the daemon starts is decided by `[admission]`.
    private static var slots: Int {
        min(max(64, 8 * sysconf(Int32(_SC_NPROCESSORS_ONLN))), running.upperBound)
    }
}
