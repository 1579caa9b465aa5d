import Testing

@testable import Store

struct LifeTests {
    let fixture: Fixture
    let store: Store

    init() throws {
        fixture = try Fixture()
        store = try fixture.open()
    }

    @Test func aWholeLifeIsWrittenDownInOrder() throws {
        let claim = try store.enqueueAndClaim(fixture.spec("n"), frozen: fixture.frozen, instance: identity())
        #expect(try store.record(claim.taskID)?.state == .starting)
        #expect(try store.arm(claim, shepherd: fixture.shepherd) == .armed)
        #expect(try store.started(claim, child: fixture.child, receipt: ["noNewPrivs": true]))
        #expect(try store.record(claim.taskID)?.state == .running)
        #expect(try store.exited(claim, ExitFacts(exit: .code(0), signalledBefore: false)))
        #expect(try store.unfinishedAttempts().map(\.state) == [.exited])
        var ending = Ending.succeeded
        ending.wallMs = 12
        ending.stragglers = 0
        #expect(try store.end(claim, ending))
        let record = try #require(try store.record(claim.taskID))
        #expect(record.state == .succeeded && record.exitCode == 0 && record.exit == .code(0) && record.wallMs == 12)
        #expect(record.receipt == ["noNewPrivs": true])
        #expect(
            try fixture.kinds(store) == [
                "task.created", "task.queued", "attempt.claimed", "attempt.armed", "attempt.started", "attempt.exited",
                "attempt.ended", "task.ended",
            ])
        #expect(try store.unfinishedAttempts().isEmpty)
    }
}
