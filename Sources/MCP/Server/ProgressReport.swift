import Synchronization

/// Progress of one request: strictly increasing, not too often, and silent once there is an answer
/// (2026-07-28, "Progress": rate limits SHOULD be implemented).
final class ProgressReport: Sendable {
    private struct State {
        var last = -Double.infinity
        /// Notifications that may be sent at once; grows with time.
        var allowance = ProgressReport.burst
        var at = ContinuousClock.now
        var isOver = false
    }

    private static let burst = 5.0
    /// A second.
    private static let rate = 2.0

    private let token: JSON
    private let send: @Sendable (JSON) -> Void
    private let state = Mutex(State())

    init(token: JSON, send: @escaping @Sendable (JSON) -> Void) {
        self.token = token
        self.send = send
    }

    /// Sent under the lock, so that none follows the answer.
    func tell(_ done: Double, _ total: Double?, _ message: String?) {
        state.withLock { state in
            guard !state.isOver, done.isFinite, done > state.last else { return }
            let now = ContinuousClock.now
            let gain = (now - state.at) / .seconds(1) * Self.rate
            state.allowance = min(state.allowance + gain, Self.burst)
            state.at = now
            guard state.allowance >= 1 else { return }
            state.allowance -= 1
            state.last = done
            send(
                .members([
                    "progressToken": token, "progress": Self.number(done), "total": total.map(Self.number),
                    "message": message.map(JSON.string),
                ]))
        }
    }

    func end() { state.withLock { $0.isOver = true } }

    private static func number(_ value: Double) -> JSON {
        Int64(exactly: value).map(JSON.integer) ?? .number(value)
    }
}
