import Glibc
package import Store
import Synchronization

/// The moments between the steps of an attempt (studies of supervision, A.4) at which a test may strike its supervisor.
///
/// `CLAUDINE_FAILPOINT=after_arm:kill` strikes where that point is first reached, `after_arm:stop:3` where it is reached for the third
/// time. Only a debug build, or one with `-Xswiftc -DCLAUDINE_FAILPOINTS`, knows any of it.
package enum Failpoint: String, CaseIterable, Sendable {
    /// T1 is durable; nothing has been made yet.
    case afterClaim = "after_claim"
    /// S1: the shepherd runs, its HELLO has not been read.
    case afterSpawn = "after_spawn"
    case afterHello = "after_hello"
    /// T2 is durable; START has not been sent.
    case afterArm = "after_arm"
    case afterStart = "after_start"
    /// STARTED was read; T3 has not been committed.
    case beforeRunning = "before_running"
    case afterRunning = "after_running"
    /// EXIT was read; T4a has not been committed.
    case afterExit = "after_exit"
    case afterExited = "after_exited"
    /// TREE_EMPTY was read; T4b has not been committed.
    case afterTreeEmpty = "after_tree_empty"
    /// T4b is durable; ACK has not been sent.
    case afterEnd = "after_end"
    case afterAcknowledge = "after_acknowledge"

    #if DEBUG || CLAUDINE_FAILPOINTS
        private struct Order: Sendable {
            enum Action: String { case kill, stop, error }

            let point: Failpoint
            let action: Action
            /// Which time it is reached, from 1.
            let turn: Int

            /// Nil where nothing, or nothing that can be understood, was ordered: then a test that waits for its strike fails.
            init?(_ text: String) {
                let words = text.split(separator: ":").map(String.init)
                guard (2...3).contains(words.count), let point = Failpoint(rawValue: words[0]),
                    let action = Action(rawValue: words[1]), let turn = words.count == 3 ? Int(words[2]) : 1
                else { return nil }
                self.point = point
                self.action = action
                self.turn = turn
            }
        }

        private static let order = getenv("CLAUDINE_FAILPOINT").flatMap { Order(String(cString: $0)) }
        private static let reached = Atomic<Int>(0)

        /// Strikes if this point was ordered: kills or stops this process, or throws `store.io`.
        package static func reach(_ point: Failpoint) throws(StoreError) {
            guard let order, order.point == point,
                reached.add(1, ordering: .relaxed).newValue == order.turn
            else { return }
            switch order.action {
            // To this very thread: a signal to the process may reach another, and this one would go on for a while.
            case .kill: raise(SIGKILL)
            case .stop: raise(SIGSTOP)
            case .error: throw StoreError(.io, "The failpoint \(point.rawValue) was ordered to fail.")
            }
        }
    #else
        @inline(__always)
        package static func reach(_ point: Failpoint) throws(StoreError) {}
    #endif
}
