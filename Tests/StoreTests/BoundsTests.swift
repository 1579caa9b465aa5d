import Testing

@testable import Store

/// Two connections stand for two processes: SQLite's locks do not tell them apart.
struct BoundsTests {
    let fixture: Fixture
    let one: Store
    let two: Store

    init() throws {
        fixture = try Fixture()
        one = try fixture.open()
        two = try fixture.open()
    }

    private func claim(_ store: Store, _ id: TaskID, _ bounds: QueueBounds) throws -> ClaimResult {
        try store.claim(id, attempt: 1, frozen: fixture.frozen, instance: identity(), bounds: bounds)
    }

    @Test func neverMoreThanTheSlotsHoweverManyRace() async throws {
        let bounds = QueueBounds(running: 4, waiting: 1000)
        let tasks = try (0..<60).map { _ in try one.enqueue(fixture.spec()).taskId }
        let watcher = try fixture.open()
        let watching = Task.detached { () throws -> Int in
            var most = 0
            while !Task.isCancelled { most = max(most, try watcher.runningAttempts()) }
            return most
        }
        // Eight at a time on each connection; whoever gets a slot gives it back.
        let ended = try await withThrowingTaskGroup(of: Int.self) { group in
            for worker in 0..<16 {
                let store = worker % 2 == 0 ? one : two
                group.addTask {
                    var ended = 0
                    for task in tasks {
                        if case .claimed(let claim) = try claim(store, task, bounds) {
                            await Task.yield()
                            #expect(try store.runningAttempts() <= 4)
                            if try store.end(claim, .succeeded) { ended += 1 }
                        }
                        _ = try? store.submit(
                            fixture.spec(), owner: identity(), bounds: bounds, claiming: fixture.frozen
                        )
                        .claim.map { try store.end($0, .succeeded) }
                    }
                    return ended
                }
            }
            return try await group.reduce(0, +)
        }
        watching.cancel()
        #expect(try await watching.value <= 4)
        #expect(ended <= 60)
        #expect(try one.runningAttempts() == 0)
    }

    @Test func aTreeThatCannotBeEmptiedKeepsItsSlot() throws {
        let bounds = QueueBounds(running: 1, waiting: 10)
        let stuck = try one.enqueueAndClaim(fixture.spec(), frozen: fixture.frozen, instance: identity())
        #expect(try one.arm(stuck, shepherd: fixture.shepherd) == .armed)
        #expect(try one.started(stuck, child: fixture.child, receipt: nil))
        #expect(try one.exited(stuck, ExitFacts(exit: .code(0), signalledBefore: false)))
        #expect(try one.stuck(stuck, processes: 3))
        #expect(try one.record(stuck.taskID)?.stuck?.processes == 3)
        let next = try two.enqueue(fixture.spec()).taskId
        #expect(try claim(two, next, bounds) == .noSlot(running: 1))
        #expect(try one.end(stuck, .succeeded))
        guard case .claimed = try claim(two, next, bounds) else {
            Issue.record("the slot did not come back")
            return
        }
    }

    @Test func whatMayNotRunAtOnceWaits() throws {
        let bounds = QueueBounds(running: 1, waiting: 10)
        let who = try identity()
        let first = try one.submit(fixture.spec(), owner: who, bounds: bounds, claiming: fixture.frozen)
        let second = try two.submit(fixture.spec(), owner: who, bounds: bounds, claiming: fixture.frozen)
        #expect(first.record == nil && second.record?.state == .queued)
    }

    @Test func noMoreMayWaitThanTheBound() throws {
        let bounds = QueueBounds(running: 1, waiting: 3)
        let first = try #require(try one.submit(fixture.spec(), bounds: bounds).record)
        var waiting = fixture.spec()
        waiting.after = [first.taskId]
        let second = try #require(try one.submit(waiting, bounds: bounds).record)
        let third = try #require(try two.submit(fixture.spec(), bounds: bounds).record)
        try expectRefused(.queueFull, by: two) { try two.submit(fixture.spec(), bounds: bounds) }
        try expectRefused(.queueFull, by: one) { try one.submit(waiting, bounds: bounds) }
        // What runs or has ended waits no more.
        let claim = try #require(try one.claim(first.taskId, frozen: fixture.frozen, instance: identity()))
        _ = try two.submit(fixture.spec(), bounds: bounds)
        try expectRefused(.queueFull, by: two) { try two.submit(fixture.spec(), bounds: bounds) }
        #expect(try one.end(claim, .succeeded))
        #expect(try one.requestStop(third.taskId, by: .user) == .cancelledAtOnce)
        #expect(try one.requestStop(second.taskId, by: .user) == .cancelledAtOnce)
        _ = try two.submit(fixture.spec(), bounds: bounds)
        // What starts at once does not wait.
        guard
            case .claimed = try two.submit(
                fixture.spec(), owner: identity(), bounds: QueueBounds(running: 1, waiting: 0), claiming: fixture.frozen
            )
        else {
            Issue.record("it was to start at once")
            return
        }
    }

    @Test func theLengthHoldsHoweverManySubmit() async throws {
        let bounds = QueueBounds(running: 1, waiting: 25)
        let accepted = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<100 {
                let store = number % 2 == 0 ? one : two
                group.addTask {
                    do {
                        return try store.submit(fixture.spec(), bounds: bounds).record != nil
                    } catch let error as StoreError where error.code == .queueFull {
                        return false
                    }
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(accepted == 25)
        #expect(try one.counts() == [.queued: 25])
    }
}

extension Submission {
    /// The claim, where it runs at once.
    var claim: Claim? {
        if case .claimed(let claim) = self { claim } else { nil }
    }
}
