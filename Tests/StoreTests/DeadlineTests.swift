import GRDB
import Testing

@testable import Store

/// Points in time that tasks wait for: queue deadlines, and rests between two attempts.
struct DeadlineTests {
    let fixture: Fixture
    let store: Store

    init() throws {
        fixture = try Fixture()
        store = try fixture.open()
    }

    private func spec(_ timeout: Int64?) -> TaskSpec {
        var spec = fixture.spec()
        spec.queueTimeoutMs = timeout
        return spec
    }

    private struct Deadline: Equatable {
        var wall: Int64?
        var boottime: Int64?
    }

    private func deadline(_ id: TaskID) throws -> Deadline {
        try store.read { db in
            let row = try #require(try Row.fetchOne(db, sql: "SELECT * FROM task WHERE id = ?", arguments: [id.text]))
            return Deadline(
                wall: try row.decode(Int64?.self, forColumn: "queue_deadline"),
                boottime: try row.decode(Int64?.self, forColumn: "queue_deadline_boottime"))
        }
    }

    @Test func whatHasWaitedTooLongEnds() throws {
        let patient = try store.enqueue(spec(nil)).taskId
        let later = try store.enqueue(spec(60_000)).taskId
        let change = try #require(try store.nextQueueChange())
        #expect(abs(change - boottimeNanoseconds() - 60_000_000_000) < 10_000_000_000)
        let now = try store.enqueue(spec(0)).taskId
        #expect(try store.expireQueued() == [now])
        #expect(try store.expireQueued().isEmpty)
        let record = try #require(try store.record(now))
        #expect(record.state == .timedOut && record.reason?.code == .timeoutQueue && record.attempts == 0)
        #expect(try [patient, later].map { try store.record($0)?.state } == [.queued, .queued])
    }

    @Test func whatWaitsForOthersHasADeadlineToo() throws {
        let first = try store.enqueue(spec(nil)).taskId
        var waiting = spec(0)
        waiting.after = [first]
        let second = try store.enqueue(waiting).taskId
        var behind = fixture.spec()
        behind.after = [second]
        let third = try store.enqueue(behind).taskId
        #expect(try store.expireQueued() == [second])
        #expect(try store.record(second)?.state == .timedOut)
        #expect(try store.record(third)?.reason?.code == .cancelledDependency)
    }

    @Test func theFirstClaimKeepsTheDeadlineForGood() throws {
        let id = try store.enqueue(spec(0)).taskId
        let claim = try #require(try store.claim(id, frozen: fixture.frozen, instance: identity()))
        #expect(try deadline(id) == Deadline())
        #expect(try store.expireQueued().isEmpty)
        #expect(try store.requeue(claim, Reason(.spawnResources)) == .requeued(.spawnResources))
        #expect(try store.expireQueued().isEmpty)
        #expect(try store.record(id)?.state == .queued)
    }

    @Test func aDeadlineBeyondAllTimeIsNone() throws {
        let id = try store.enqueue(spec(.max)).taskId
        #expect(try store.expireQueued().isEmpty)
        try reboot()
        try store.rebaseClocks()
        #expect(try store.expireQueued().isEmpty)
        #expect(try store.record(id)?.state == .queued)
    }
}

/// After a reboot the old boot's clock means nothing; the wall clock says what is left, as far as it can be believed.
extension DeadlineTests {
    /// As if everything had been written in another boot, whose clock was far ahead.
    private func reboot() throws {
        try store.execute(
            """
            UPDATE task SET clock_boot = 'another', queue_deadline_boottime = min(queue_deadline_boottime, 9000000000000000000) + 900000000000000,
                not_before_boottime = not_before_boottime + 900000000000000 WHERE clock_boot IS NOT NULL
            """)
    }

    private func setClock(back milliseconds: Int64) throws {
        try store.execute(
            """
            UPDATE task SET created_at = created_at + ?1, queue_deadline = queue_deadline + ?1, not_before = not_before + ?1
            """, [milliseconds])
    }

    /// Milliseconds from now until the deadline, on this boot's clock.
    private func rest(_ id: TaskID) throws -> Int64 {
        (try #require(try deadline(id).boottime) - boottimeNanoseconds()) / 1_000_000
    }

    @Test(
        arguments: [
            // The clock shows what it should; an hour was lost in between; it was set back by a year; it was set ahead by a year.
            (0, 100_000), (-3_600_000, 0), (31_536_000_000, 100_000), (-31_536_000_000, 0),
        ] as [(Int64, Int64)])
    func theRestIsTakenFromTheWallClockAndClamped(_ back: Int64, _ expected: Int64) throws {
        let id = try store.enqueue(spec(100_000)).taskId
        try reboot()
        try setClock(back: back)
        // Until then a deadline of another boot is nobody's.
        #expect(try store.expireQueued().isEmpty)
        try store.rebaseClocks()
        #expect(try abs(rest(id) - expected) < 10_000)
        #expect(try store.expireQueued() == (expected == 0 ? [id] : []))
    }

    @Test(arguments: [(0, 30_000), (31_536_000_000, 60_000), (-31_536_000_000, 0)] as [(Int64, Int64)])
    func aRestBetweenAttemptsIsNeverLongerThanTheLongest(_ back: Int64, _ expected: Int64) throws {
        let claim = try store.enqueueAndClaim(fixture.spec(), frozen: fixture.frozen, instance: identity())
        let reason = Reason(.lostReboot)
        let again = Again(reason, counted: true, delayMs: 30_000)
        #expect(try store.conclude(claim, .again(Ending(reason), again)) == .requeued(.lostReboot))
        try reboot()
        try setClock(back: back)
        #expect(try store.eligible(limit: 1).isEmpty)
        try store.rebaseClocks()
        let moment = try store.read { db in
            try #require(try Int64.fetchOne(db, sql: "SELECT not_before_boottime FROM task"))
        }
        #expect(abs((moment - boottimeNanoseconds()) / 1_000_000 - expected) < 10_000)
        #expect(try store.eligible(limit: 1).isEmpty == (expected > 0))
    }

    @Test func whatIsOfThisBootOrHasEndedStaysAsItIs() throws {
        _ = try store.enqueue(spec(100_000))
        let ended = try store.enqueue(spec(0)).taskId
        #expect(try store.expireQueued() == [ended])
        var before = try store.everything()
        try store.rebaseClocks()
        #expect(try store.everything() == before)
        try store.execute("UPDATE task SET clock_boot = 'another' WHERE id = ?", [ended.text])
        before = try store.everything()
        try store.rebaseClocks()
        #expect(try store.everything() == before)
    }
}
