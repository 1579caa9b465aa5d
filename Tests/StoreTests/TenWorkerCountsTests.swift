import Foundation
import Synchronization
import Testing

@testable import Store

/// Issue 4 of docs/ten-issues.md: how many workers there are is asked first, acted upon later, and kept in a counter of one's own.
struct TenWorkerCountsTests {
    /// As in the predecessor: check, then spawn; the counter goes up before the worker is registered, and down when it ends.
    private final class NaivePool: Sendable {
        /// What all processes together really run.
        let workers: Mutex<Int>
        let most = 2
        let counter = Mutex(0)

        init(_ workers: Int = 0) { self.workers = Mutex(workers) }

        var maySpawn: Bool { workers.withLock { $0 } < most }

        func spawn(registering: () throws -> Void = {}) {
            counter.withLock { $0 += 1 }
            do {
                try registering()
                workers.withLock { $0 += 1 }
            } catch {
                // Its worker was told to stop; nobody remembers the counter.
            }
        }
    }

    @Test func theNaiveCheckIsTrueForEverybodyAtOnce() {
        let pool = NaivePool(1)
        // Two processes look, and then both act.
        let (one, two) = (pool.maySpawn, pool.maySpawn)
        if one { pool.spawn() }
        if two { pool.spawn() }
        #expect(pool.workers.withLock { $0 } == 3, "more than the most, which is \(pool.most)")
    }

    @Test func theNaiveCounterDriftsWithEveryFailure() {
        let pool = NaivePool()
        for _ in 0..<5 { pool.spawn { throw CocoaError(.fileNoSuchFile) } }
        #expect(pool.workers.withLock { $0 } == 0)
        #expect(pool.counter.withLock { $0 } == 5)
    }

    @Test func hereASlotIsARowAndIsTakenWithTheClaim() async throws {
        let fixture = try Fixture()
        let stores = try (0..<4).map { _ in try fixture.open() }
        let bounds = QueueBounds(running: 2, waiting: 100)
        let tasks = try (0..<40).map { _ in try stores[0].enqueue(fixture.spec()).taskId }
        // Everybody looks first, as there.
        for store in stores { #expect(try store.runningAttempts() == 0) }
        let claimed = try await withThrowingTaskGroup(of: Claim?.self) { group in
            for (number, task) in tasks.enumerated() {
                let store = stores[number % stores.count]
                group.addTask {
                    let result = try store.claim(
                        task, attempt: 1, frozen: fixture.frozen, instance: identity(), bounds: bounds)
                    guard case .claimed(let claim) = result else { return nil }
                    return claim
                }
            }
            return try await group.reduce(into: [Claim]()) { if let claim = $1 { $0.append(claim) } }
        }
        #expect(claimed.count == 2)
        #expect(try stores[3].runningAttempts() == 2)
        // What failed gives its slot back with the row that held it: there is nothing that could drift.
        for claim in claimed { #expect(try stores[1].requeue(claim, Reason(.spawnResources)) != .stale) }
        #expect(try stores[2].runningAttempts() == 0)
        let again = try #require(try stores[2].claim(tasks[0], frozen: fixture.frozen, instance: identity()))
        #expect(try stores[3].runningAttempts() == 1 && again.fence > claimed.map(\.fence).max() ?? 0)
    }
}
