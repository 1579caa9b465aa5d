import Foundation
import Policy
import ShepherdProtocol
import Testing

@testable import Store
@testable import Supervision

/// Issue 8 of docs/ten-issues.md: every process that starts recovers everything, also what another one runs.
///
/// With processes: integration/ten.py, "ten 8: many recover at once".
struct TenDuplicateRecoveryTests {
    /// As the predecessor's recovery: what has not ended goes into a queue in memory, whoever runs it, in every process that starts.
    private struct NaiveProcess {
        var queue: [TaskID] = []

        mutating func recover(_ store: Store) throws {
            let live = try store.list(TaskFilter(states: TaskState.live))
            queue += live.map(\.taskId)
        }
    }

    @Test func theNaiveRecoveryRunsEverythingOnceMoreForEachProcess() throws {
        let ground = try Ground()
        let running = try ground.attempt(.running)
        let queued = try ground.queued()
        var processes = [NaiveProcess(), NaiveProcess()]
        for place in processes.indices { try processes[place].recover(ground.store) }
        let starts = processes.flatMap(\.queue)
        #expect(starts.filter { $0 == running.taskID }.count == 2)
        #expect(starts.filter { $0 == queued }.count == 2)
    }

    @Test func hereWhatLivesIsLeftAloneAndWhatIsDeadEndsOnce() async throws {
        let ground = try Ground()
        let alive = try ground.store.registerInstance()
        let theirs = try ground.attempt(.running, by: alive.identity)
        let dead = try (0..<8).map { number -> Claim in
            let claim = try ground.attempt(.running)
            try ground.leave(ReceiptFile(claim, .empty, exit: .natural(UInt8(number)), empty: TreeEmpty()), of: claim)
            return claim
        }
        let never = try ground.attempt(.claimed)
        let queued = try ground.queued()
        let stores = try (0..<4).map { _ in try Store.open(directory: ground.directory) }
        let reports = try await withThrowingTaskGroup(of: Recovery.Report.self) { group in
            for store in stores { group.addTask { try await Recovery.pass(store) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        // All of them together have done each thing once.
        #expect(reports.map(\.ended).reduce(0, +) == 8 && reports.map(\.requeued).reduce(0, +) == 1)
        for (number, claim) in dead.enumerated() {
            #expect(try ground.record(claim).exit == .code(Int32(number)))
            #expect(try ground.kinds(claim).filter { $0 == "task.ended" }.count == 1)
        }
        #expect(try ground.record(theirs).state == .running)
        #expect(try [never.taskID, queued].map { try ground.store.record($0)?.state } == [.queued, .queued])
        // And what is queued can be claimed by one only.
        let claims = try stores.filter { store in
            if case .claimed = try ground.claim(queued, on: store) { true } else { false }
        }.count
        #expect(claims == 1)
        withExtendedLifetime(alive) {}
    }
}
