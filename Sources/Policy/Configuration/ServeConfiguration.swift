/// `[serve]` of config.toml: how the daemon behaves.
package struct ServeConfiguration: Equatable, Sendable {
    /// What SIGTERM does to the tasks that run.
    package enum OnStop: String, Sendable, CaseIterable {
        /// They go on to their end; nothing new is started.
        case drain
        /// They are stopped, and end as `cancelled.shutdown`.
        case stop
        /// They are stopped, and wait in the queue for the next daemon.
        case requeue
    }

    /// The names of swift-log, from the most talkative on.
    package enum LogLevel: String, Sendable, CaseIterable {
        case trace, debug, info, notice, warning, error, critical
    }

    /// After how long without work a daemon leaves that was started on demand; 1s…365d. One started by hand stays.
    package var idleExit = TimeSpan(milliseconds: 600_000)
    package var onStop = OnStop.stop
    /// The least that is written to the daemon's log.
    package var logLevel = LogLevel.info

    package init() {}

    static let idle = TimeSpan(milliseconds: 1_000)...TimeSpan(milliseconds: 365 * 86_400_000)
}
