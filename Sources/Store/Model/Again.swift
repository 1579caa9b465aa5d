/// Why and when a task is tried again.
package struct Again: Equatable, Sendable {
    package var reason: Reason
    /// Whether the attempt that is over used up one of the task's.
    package var counted: Bool
    /// Milliseconds until the next may be claimed.
    package var delayMs: Int64
    /// The agent's session that the next attempt goes on with; nil begins anew.
    package var session: String?

    /// No task waits longer than this between two attempts.
    package static let longestDelayMs: Int64 = 60_000

    package init(_ reason: Reason, counted: Bool, delayMs: Int64 = 0, session: String? = nil) {
        self.reason = reason
        self.counted = counted
        self.delayMs = delayMs
        self.session = session
    }
}

/// What becomes of a task when one of its attempts is over.
package enum Verdict: Equatable, Sendable {
    case final(Ending)
    case again(Ending, Again)
}

/// What came of the wish to end an attempt.
package enum EndResult: Equatable, Sendable {
    case ended(TaskState, ReasonCode?)
    /// There will be another, for this reason.
    case requeued(ReasonCode)
    /// Somebody else has ended it, or the claim is none.
    case stale
}
