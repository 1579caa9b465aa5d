import Policy
import ShepherdProtocol
import Testing

@testable import Store
@testable import Supervision

/// Issue 1 of docs/ten-issues.md: a worker's end and its timeout are two callbacks, and both of them end the task.
struct TenCompletionRacesTimeoutTests {
    /// What happens to a worker, in whatever order it arrives.
    enum Callback: CaseIterable { case exited, timeout, cancelled }

    static let orders: [[Callback]] = Callback.allCases.flatMap { first in
        Callback.allCases.filter { $0 != first }.map { [first, $0] }
    }

    /// As in the predecessor's pool: no gate, each callback writes what it knows, and the timer is not cleared before the write.
    private struct NaivePool {
        var status = "running"
        var ends: [String] = []

        mutating func hear(_ callback: Callback) {
            status =
                switch callback {
                case .exited: "completed"
                case .timeout: "failed"
                case .cancelled: "cancelled"
                }
            ends.append(status)
        }
    }

    @Test(arguments: orders) func theNaivePoolEndsATaskTwice(_ order: [Callback]) {
        var pool = NaivePool()
        for callback in order { pool.hear(callback) }
        #expect(pool.ends.count == 2, "the naive variant is not naive")
        // Somebody was told one thing, and the record says another.
        #expect(pool.ends.first != pool.status)
    }

    @Test(arguments: orders) func hereTheFirstFactDecidesAndThereIsOneEnd(_ order: [Callback]) throws {
        let ground = try Ground()
        let claim = try ground.attempt(.running)
        var shepherd = ScriptedShepherd(wall: 10)
        var exit: LeaderExit?
        for callback in order {
            switch callback {
            case .exited: exit = shepherd.sees(.exited(code: 0), survivors: 1, at: 10)
            case .timeout:
                shepherd.clock(10)
                if shepherd.reason == .wall { _ = try ground.store.stopping(claim, Reason(.timeoutWall)) }
            case .cancelled:
                _ = try ground.other.requestStop(claim.taskID, by: .user)
                shepherd.asked(.cancel, at: 10)
            }
        }
        let last = exit ?? shepherd.sees(.signalled(15), at: 11)
        let record = try ground.finish(claim, AttemptFacts(last))
        let expected: TaskState =
            switch order[0] {
            case .exited: .succeeded
            case .timeout: .timedOut
            case .cancelled: .cancelled
            }
        #expect(record.state == expected)
        // Whoever comes later, by whichever way, changes nothing.
        for ending in [Ending.succeeded, Ending(Reason(.timeoutWall)), Ending(Reason(.cancelledUser))] {
            #expect(try ground.other.conclude(claim, .final(ending)) == .stale)
        }
        #expect(try ground.record(claim) == record)
        #expect(try ground.kinds(claim).filter { $0 == "task.ended" }.count == 1)
    }
}
