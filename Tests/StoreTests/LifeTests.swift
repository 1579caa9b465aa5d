import GRDB
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
        #expect(try store.unfinished().attempts.map(\.state) == [.exited])
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
        #expect(try store.unfinished().attempts.isEmpty)
    }
}

extension LifeTests {
    @Test func aViolationIsAnEventWhileTheAttemptLives() throws {
        let claim = try running()
        #expect(try store.violated(claim, Violation(.gateway, "POST /v1/files", count: 2)))
        let event = try #require(try store.events(task: claim.taskID, limit: 100).last)
        #expect(event.kind == "violation")
        #expect(event.data == ["mechanism": "gateway", "what": "POST /v1/files", "count": 2])
        #expect(try store.end(claim, .succeeded))
        #expect(try !store.violated(claim, Violation(.gateway, "POST /v1/files")))
        #expect(try store.record(claim.taskID)?.violations == nil)
    }

    private func running() throws -> Claim {
        let claim = try store.enqueueAndClaim(fixture.spec(), frozen: fixture.frozen, instance: identity())
        #expect(try store.arm(claim, shepherd: fixture.shepherd) == .armed)
        #expect(try store.started(claim, child: fixture.child, receipt: nil))
        return claim
    }

    @Test func aStaleFenceChangesNothing() throws {
        let live = try running()
        let before = try store.events()
        let record = try store.record(live.taskID)
        for stale in [
            Claim(taskID: live.taskID, attempt: 1, fence: live.fence + 1, nonce: live.nonce),
            Claim(taskID: live.taskID, attempt: 2, fence: live.fence, nonce: live.nonce),
            Claim(taskID: live.taskID, attempt: 1, fence: live.fence, nonce: Array(repeating: 0, count: 16)),
            Claim(taskID: .random(), attempt: 1, fence: live.fence, nonce: live.nonce),
        ] {
            #expect(try store.arm(stale, shepherd: fixture.shepherd) == .stale)
            #expect(try !store.started(stale, child: fixture.child, receipt: nil))
            #expect(try !store.exited(stale, ExitFacts(exit: .code(0), signalledBefore: false)))
            #expect(try !store.end(stale, .succeeded))
            #expect(try store.requeue(stale, Reason(.lostShepherd)) == .stale)
            #expect(try store.stopRequest(for: stale) == nil)
        }
        #expect(try store.events() == before)
        #expect(try store.record(live.taskID) == record)
    }

    @Test func theSecondEndingIsToldThatSomebodyWasFirst() throws {
        let claim = try running()
        #expect(try store.end(claim, .succeeded))
        #expect(try !store.end(claim, Ending(Reason(.timeoutWall))))
        #expect(try store.requestStop(claim.taskID, by: .user) == .alreadyEnded(.succeeded))
        #expect(try store.stopping(claim, Reason(.timeoutWall)) == nil)
        #expect(try store.requeue(claim, Reason(.lostShepherd)) == .stale)
        #expect(try fixture.kinds(store).filter { $0 == "task.ended" }.count == 1)
        #expect(try store.record(claim.taskID)?.state == .succeeded)
    }

    @Test func evenSQLThatForgetsTheRulesCannotReviveATask() throws {
        let claim = try running()
        #expect(try store.end(claim, .succeeded))
        #expect(throws: StoreError.self) {
            try store.write(.full) { db in try db.execute(sql: "UPDATE task SET state = 'queued', ended_at = NULL") }
        }
        #expect(throws: StoreError.self) {
            try store.write(.full) { db in try db.log(.taskEnded, claim.taskID, at: Moment()) }
        }
    }

    @Test func aTaskThatMayNotRunIsBornWithItsEnd() throws {
        let reason = Reason(.refusedPolicy, detail: ["layer": "userNamespace"])
        let record = try store.refuse(fixture.spec(), reason)
        #expect(record.state == .refused && record.reason == reason && record.exitCode == 125)
        #expect(record.attempt == nil && record.attempts == 0 && record.startedAt == nil)
        #expect(try fixture.kinds(store) == ["task.created", "task.ended"])
    }

    @Test func aTaskIsClaimedOnce() throws {
        let task = try store.enqueue(fixture.spec()).taskId
        let claim = try store.claim(task, frozen: fixture.frozen, instance: identity())
        #expect(claim != nil)
        #expect(try store.claim(task, frozen: fixture.frozen, instance: identity()) == nil)
        #expect(try store.claim(.random(), frozen: fixture.frozen, instance: identity()) == nil)
    }

    @Test func anAttemptThatNeverRanDoesNotCount() throws {
        let who = try identity()
        let first = try store.enqueueAndClaim(fixture.spec(), frozen: fixture.frozen, instance: who)
        #expect(try store.requeue(first, Reason(.lostShepherd)) == .requeued(.lostShepherd))
        #expect(try store.record(first.taskID)?.state == .queued)
        // It belongs to whoever asked for it.
        #expect(try store.claim(first.taskID, frozen: fixture.frozen, instance: identity()) == nil)
        let second = try #require(try store.claim(first.taskID, frozen: fixture.frozen, instance: who))
        #expect(second.attempt == 2 && second.fence > first.fence && second.nonce != first.nonce)
        #expect(try !store.end(first, .succeeded))
        #expect(try store.end(second, .succeeded))
        let record = try #require(try store.record(first.taskID))
        #expect(record.attempts == 1 && record.attempt == 2)
    }

    @Test func whatWasAskedToStopIsNotRequeued() throws {
        let claim = try store.enqueueAndClaim(fixture.spec(), frozen: fixture.frozen, instance: identity())
        #expect(try store.requestStop(claim.taskID, by: .user) == .recorded)
        let request = StopRequest(reason: StopOrigin.user.reason, force: false)
        #expect(try store.arm(claim, shepherd: fixture.shepherd) == .stopRequested(request))
        #expect(try store.requeue(claim, Reason(.lostShepherd)) == .ended(.cancelled, .cancelledUser))
        #expect(try store.record(claim.taskID)?.exitCode == 143)
    }

    @Test func aQueuedTaskIsCancelledAtOnce() throws {
        let task = try store.enqueue(fixture.spec()).taskId
        #expect(try store.requestStop(task, by: .client) == .cancelledAtOnce)
        #expect(try store.requestStop(task, by: .user) == .alreadyEnded(.cancelled))
        #expect(try store.claim(task, frozen: fixture.frozen, instance: identity()) == nil)
        #expect(try store.record(task)?.reason?.code == .cancelledClient)
        #expect(try store.requestStop(.random(), by: .user) == nil)
    }

    @Test func theFirstStopReasonStays() throws {
        let claim = try running()
        let cancelled = StopOrigin.signal(2).reason
        #expect(try store.requestStop(claim.taskID, by: .signal(2)) == .recorded)
        #expect(try store.requestStop(claim.taskID, by: .client) == .alreadyStopping(cancelled))
        #expect(try store.stopRequest(for: claim) == StopRequest(reason: cancelled, force: false))
        #expect(try store.requestStop(claim.taskID, by: .user, force: true) == .alreadyStopping(cancelled))
        #expect(try store.stopRequest(for: claim) == StopRequest(reason: cancelled, force: true))
        #expect(try store.stopping(claim, Reason(.timeoutWall)) == cancelled)
        #expect(try store.stopping(claim, Reason(.timeoutIdle)) == cancelled)
        #expect(try store.record(claim.taskID)?.state == .stopping)
        #expect(try fixture.kinds(store).filter { $0 == "attempt.stopping" }.count == 1)
    }

    @Test func aCancelAfterATimeoutIsToldOfTheTimeout() throws {
        let claim = try running()
        #expect(try store.stopping(claim, Reason(.timeoutWall)) == Reason(.timeoutWall))
        #expect(try store.requestStop(claim.taskID, by: .user) == .alreadyStopping(Reason(.timeoutWall)))
    }

    @Test func aStartToldAfterACancelDoesNotUndoIt() throws {
        let claim = try store.enqueueAndClaim(fixture.spec(), frozen: fixture.frozen, instance: identity())
        #expect(try store.arm(claim, shepherd: fixture.shepherd) == .armed)
        #expect(try store.stopping(claim, StopOrigin.user.reason) != nil)
        #expect(try store.started(claim, child: fixture.child, receipt: nil))
        #expect(try store.record(claim.taskID)?.state == .stopping)
        #expect(try store.unfinished().attempts.first?.child == fixture.child)
    }

    @Test func onlyWhatHasEndedCanBeRemoved() throws {
        let claim = try running()
        #expect(try store.remove(claim.taskID) == .live(.running))
        #expect(try store.end(claim, .succeeded))
        let last = try store.lastEvent()
        #expect(try store.remove(claim.taskID) == .removed)
        #expect(try store.remove(claim.taskID) == .noSuchTask)
        #expect(try store.record(claim.taskID) == nil)
        #expect(try store.events().map(\.kind) == ["task.removed"])
        #expect(try store.lastEvent() > last)
    }

    @Test func whatCannotBeAnEndIsRefused() throws {
        let claim = try running()
        var ending = Ending.succeeded
        ending.state = .running
        #expect(throws: StoreError.self) { try store.end(claim, ending) }
        #expect(try store.record(claim.taskID)?.state == .running)
    }
}
