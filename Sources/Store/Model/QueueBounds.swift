/// How much may wait and run at a time, over all instances on this store; each claim and each new task is held to them in its own
/// transaction.
package struct QueueBounds: Equatable, Sendable {
    /// Attempts that have not ended, whoever runs them.
    package var running: Int
    /// Tasks that are queued or blocked.
    package var waiting: Int

    package init(running: Int, waiting: Int) {
        self.running = running
        self.waiting = waiting
    }

    package static let none = QueueBounds(running: .max, waiting: .max)

    /// Nanoseconds for which a free slot is left to whoever stands first: the daemon and each waiting command look about once a second,
    /// and one that does not (somebody has stopped it) holds up nobody.
    package static let turn: Int64 = 2_000_000_000

    /// Tasks that one task may wait for.
    package static let mostDependencies = 100
}

extension Priority {
    /// Milliseconds by which a class stands behind the first: how long a later task of a higher class may still go before it. So a
    /// P2 task starves for no longer than this, whatever else arrives.
    var handicap: Int64 {
        switch self {
        case .urgent: 0
        case .high: 10 * 60_000
        case .normal: 20 * 60_000
        }
    }
}
