import GRDB
import Synchronization
import Testing

@testable import Store

/// Ended tasks are kept for as long as people like; what the queue does must not become slower by them.
struct QueryPlanTests {
    @Test func nothingThatTheQueueDoesWalksThroughAllTasks() throws {
        let fixture = try Fixture()
        let store = try fixture.open()
        let statements = Mutex<Set<String>>([])
        store.database.unsafeRead { db in
            db.trace { event in
                if case .statement(let statement) = event {
                    _ = statements.withLock { $0.insert(statement.expandedSQL) }
                }
            }
        }
        try liveThroughEverything(fixture, store)
        try store.database.unsafeRead { db in
            db.trace(nil)
            let seen = statements.withLock { $0 }.filter { $0.contains(#/^(SELECT|UPDATE|DELETE|INSERT|WITH)/#) }
            #expect(seen.count > 40)
            for statement in seen.sorted() {
                let plan = try Row.fetchAll(db, sql: "EXPLAIN QUERY PLAN " + statement)
                    .map { try $0.decode(String.self, forColumn: "detail") }
                for step in plan where step.contains(#/^SCAN (task|attempt|event)\b/#) {
                    #expect(step.contains("USING"), "\(plan.joined(separator: "; "))\n\(statement)")
                }
            }
        }
    }

    private func liveThroughEverything(_ fixture: Fixture, _ store: Store) throws {
        let bounds = QueueBounds(running: 10, waiting: 10)
        let living = try LivingInstance(store)
        let who = living.identity
        var waiting = fixture.spec()
        waiting.idempotencyKey = "k"
        waiting.queueTimeoutMs = 60_000
        let first = try #require(try store.submit(waiting, bounds: bounds).record?.taskId)
        waiting.idempotencyKey = "l"
        waiting.after = [first]
        let second = try #require(try store.submit(waiting, bounds: bounds).record?.taskId)
        #expect(try store.eligible(limit: 10).count == 1)
        _ = try store.nextQueueChange()
        _ = try store.counts()
        let claim = try #require(
            try store.submit(fixture.spec(), owner: who, bounds: bounds, claiming: fixture.frozen).claim)
        #expect(try store.arm(claim, shepherd: fixture.shepherd) == .armed)
        #expect(try store.started(claim, child: fixture.child, receipt: nil))
        #expect(try store.requestStop(claim.taskID, by: .user) == .recorded)
        _ = try store.stopping(claim, Reason(.cancelledUser))
        #expect(try store.exited(claim, ExitFacts(exit: .code(0), signalledBefore: true)))
        _ = try store.stuck(claim, processes: 1)
        #expect(try store.end(claim, Ending(Reason(.cancelledUser))))
        let again = try #require(try store.claim(first, frozen: fixture.frozen, instance: who))
        #expect(try store.requeue(again, Reason(.spawnResources)) == .requeued(.spawnResources))
        _ = try store.history(first)
        try store.execute("UPDATE task SET clock_boot = 'another' WHERE ended_at IS NULL AND clock_boot IS NOT NULL")
        try store.rebaseClocks()
        try store.execute("UPDATE task SET queue_deadline_boottime = 0 WHERE id = ?", [second.text])
        #expect(try store.expireQueued() == [second])
        try store.execute("UPDATE task SET owner = 'inst_dead' WHERE id = ?", [first.text])
        #expect(try store.endOrphaned() == [first])
        _ = try store.unfinished().attempts
        try store.announceDaemon(who, status: [:])
        _ = try store.leave(who)
        _ = try store.forgetDeadInstances()
        _ = try store.record(first)
        _ = try store.list(TaskFilter(states: [.failed], labels: ["a", "b"], since: Timestamp(milliseconds: 1)))
        _ = try store.events(task: first, limit: 10)
        #expect(try store.remove(first) == .removed)
        withExtendedLifetime(living) {}
    }
}
