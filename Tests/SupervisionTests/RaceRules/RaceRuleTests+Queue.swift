import GRDB
import Policy
import ShepherdProtocol
import Testing

@testable import Store
@testable import Supervision

/// R24–R34: pauses, leases, the database, the queue, configuration, daemons.
extension RaceRuleTests {
    /// There is no pause: nothing stops a task's clocks, so there is nothing for the rule to decide. This test fails when a state is
    /// added that might be one.
    @Test func r24ThereIsNoPauseThatATimeoutCouldRaceWith() {
        #expect(Set(AttemptState.allCases.map(\.rawValue)).isDisjoint(with: ["paused", "pausing", "suspended"]))
        #expect(TaskState.live.map(\.rawValue) == ["queued", "blocked", "starting", "running", "stopping"])
    }

    /// There is no pause; a worker that was stopped from outside is continued by the ladder, which sends CONT behind every TERM:
    /// `Ladder.Actions.terminate`, and LadderTests.
    @Test func r25ThereIsNoPauseThatACancelCouldRaceWith() {
        #expect(StateMachine.Event.allCases.allSatisfy { !"\($0)".contains("pause") })
        var ladder = Ladder(clocks: Clocks())
        ladder.released(at: 0)
        #expect(ladder.stop(.cancel, force: false, at: 1).contains(.terminate))
    }

    /// SQLite leases nothing: an instance lives as long as its lock. Whoever was taken for dead all the same is refused by fence.
    @Test func r26WhoeverHasLostTheFenceWritesNothing() throws {
        let first = try ground.attempt(.running)
        // Another process requeued it and claims it anew.
        let lost = Reason(.lostSupervisor)
        #expect(
            try ground.other.conclude(first, .again(Ending(lost), Again(lost, counted: true)))
                == .requeued(.lostSupervisor))
        guard case .claimed(let second) = try ground.claim(first.taskID, on: ground.other) else {
            Issue.record("not claimed")
            return
        }
        #expect(second.fence > first.fence)
        let before = try ground.record(second)
        #expect(try ground.store.conclude(first, .final(.succeeded)) == .stale)
        #expect(try !ground.store.exited(first, ExitFacts(exit: .code(0), signalledBefore: false)))
        #expect(try ground.store.stopping(first, Reason(.timeoutWall)) == nil)
        #expect(try ground.record(second) == before)
        #expect(try ground.other.conclude(second, .final(.succeeded)) == .ended(.succeeded, nil))
    }

    @Test func r27ARescueAndASlowFinishAreOneRow() async throws {
        for _ in 0..<50 {
            let claim = try ground.attempt(.exited)
            let lost = Reason(.lostSupervisor)
            async let finish = Task.detached { [ground] in
                try ground.store.conclude(claim, .final(.succeeded))
            }.value
            async let rescue = Task.detached { [ground] in
                try ground.other.conclude(claim, .again(Ending(lost), Again(lost, counted: true)))
            }.value
            switch try await (finish, rescue) {
            case (.ended(.succeeded, nil), .stale): #expect(try ground.record(claim).state == .succeeded)
            case (.stale, .requeued(.lostSupervisor)): #expect(try ground.record(claim).state == .queued)
            case (let finish, let rescue): Issue.record("\(finish) \(rescue)")
            }
            #expect(try ground.kinds(claim).filter { $0 == "attempt.ended" }.count == 1)
        }
    }

    /// Also: integration/database.py, "locked for 20 s while it runs: it ends in its own way (R28)".
    @Test func r28AnEndThatTheDatabaseRefusesIsInsistedOn() async throws {
        let claim = try ground.attempt(.exited)
        var ledger = Ledger(ground.store, wish: LocalWish(), tell: nil)
        var refusals: [StoreError.Code] = [.busy, .full, .busy, .io]
        let result = try await ledger.insist { [ground] store throws(StoreError) -> EndResult in
            if let refusal = refusals.popLast() {
                // Its slot is held for as long as it takes.
                let running = try ground.other.runningAttempts()
                guard running == 1 else { throw StoreError(.corrupt, "\(running) slots") }
                throw StoreError(refusal, "not now")
            }
            return try store.conclude(claim, .final(.succeeded))
        }
        #expect(result == .ended(.succeeded, nil) && refusals.isEmpty)
        #expect(try ground.kinds(claim).filter { $0 == "task.ended" }.count == 1)
        #expect(try ground.store.runningAttempts() == 0)
    }

    @Test func r29AnOutputCapRacesAnExitLikeATimeout() throws {
        var shepherd = ScriptedShepherd()
        let first = shepherd.sees(.exited(code: 0), survivors: 1, at: 1)
        shepherd.asked(.output, force: true, at: 1)
        #expect(try ground.finish(ground.attempt(.running), AttemptFacts(first)).state == .succeeded)
        shepherd = ScriptedShepherd()
        shepherd.asked(.output, force: true, at: 1)
        let record = try ground.finish(
            ground.attempt(.running), AttemptFacts(shepherd.sees(.exited(code: 0), at: 1)))
        #expect(record.state == .failed && record.reason?.code == .limitOutput && record.exit == .code(0))
    }

    /// Also: integration/races.py, "R30: a daemon that shuts down".
    @Test func r30AShutdownIsALatchAndMayRequeue() throws {
        func shutDown(_ origin: StopOrigin) throws -> Claim {
            let claim = try ground.attempt(.running)
            #expect(try ground.store.requestStop(claim.taskID, by: origin) == .recorded)
            var shepherd = ScriptedShepherd()
            shepherd.asked(.cancel, at: 1)
            try ground.finish(claim, AttemptFacts(shepherd.sees(.signalled(15), at: 2)))
            return claim
        }
        let cancelled = try ground.record(shutDown(.shutdown))
        #expect(cancelled.state == .cancelled && cancelled.reason?.code == .cancelledShutdown)
        let requeued = try ground.record(shutDown(.handover))
        #expect(requeued.state == .queued && requeued.attempts == 0 && requeued.reason == nil)
        // Somebody's own wish comes before the daemon's, and after it: it is not tried again.
        for isFirst in [true, false] {
            let claim = try ground.attempt(.running)
            let origins: [StopOrigin] = isFirst ? [.user, .handover] : [.handover, .user]
            for origin in origins { _ = try ground.store.requestStop(claim.taskID, by: origin) }
            var shepherd = ScriptedShepherd()
            shepherd.asked(.cancel, at: 1)
            let record = try ground.finish(claim, AttemptFacts(shepherd.sees(.signalled(15), at: 2)))
            #expect(record.state == .cancelled)
            #expect(record.reason?.message.contains("queue") == false, "\(String(describing: record.reason))")
        }
        // What has gone back to the queue before the daemon came to it is where it is to be.
        let early = try ground.attempt(.running)
        let failed = Reason(.exitNonzero)
        _ = try ground.store.conclude(early, .again(Ending(failed), Again(failed, counted: true)))
        _ = try ground.store.requestStop(early.taskID, by: .handover)
        #expect(try ground.record(early).state == .queued)
        // What had come to its end by itself has come to its end.
        let over = try ground.attempt(.running)
        #expect(try ground.store.requestStop(over.taskID, by: .handover) == .recorded)
        #expect(try ground.finish(over, AttemptFacts(.natural(0))).state == .succeeded)
    }

    @Test func r31ATaskExpiresOnlyFromTheQueue() async throws {
        for _ in 0..<50 {
            let id = try ground.queued(ground.spec { $0.queueTimeoutMs = 0 })
            async let claiming = Task.detached { [ground] in try ground.claim(id) }.value
            async let expiring = Task.detached { [ground] in try ground.other.expireQueued() }.value
            switch try await (claiming, expiring) {
            case (.claimed, []): #expect(try ground.store.record(id)?.state == .starting)
            case (.notNow, [id]): #expect(try ground.store.record(id)?.reason?.code == .timeoutQueue)
            case (let claim, let expired): Issue.record("\(claim) \(expired)")
            }
        }
        #expect(try ground.store.expireQueued().isEmpty)
    }

    @Test func r32AFailedDependencyAndAClaimAreOneTransactionApart() async throws {
        for _ in 0..<25 {
            let needed = try ground.attempt(.exited)
            let waiting = try ground.queued(ground.spec { $0.after = [needed.taskID] })
            async let ending = Task.detached { [ground] in
                try ground.store.conclude(needed, .final(Ending(Reason(.exitNonzero))))
            }.value
            async let claiming = Task.detached { [ground] in try ground.claim(waiting, on: ground.other) }.value
            let (end, claim) = try await (ending, claiming)
            #expect(end == .ended(.failed, .exitNonzero) && claim == .notNow)
            #expect(try ground.store.record(waiting)?.reason?.code == .cancelledDependency)
        }
    }

    /// Also: integration/ten.py, "ten 5: configuration that changes while it runs".
    @Test func r33AnAttemptKeepsWhatItWasClaimedWith() throws {
        let claim = try ground.attempt(.running)
        let before = try ground.record(claim)
        #expect(before.limits == ["wallSeconds": 60])
        let again = Reason(.exitNonzero)
        var changed = try ground.frozen()
        changed.limits = ["wallSeconds": 5]
        changed.policyDigest = "sha256:00"
        #expect(try ground.claim(claim.taskID) == .notNow)
        #expect(try ground.record(claim).policy == before.policy)
        _ = try ground.store.conclude(claim, .again(Ending(again), Again(again, counted: true)))
        let next = try ground.store.claim(
            claim.taskID, attempt: 2, frozen: changed, instance: Ground.stranger(), bounds: .none)
        guard case .claimed = next else {
            Issue.record("\(next)")
            return
        }
        let after = try ground.record(claim)
        #expect(after.limits == ["wallSeconds": 5] && after.policy.digest == "sha256:00")
    }

    /// Also: integration/races.py, "R34: two daemons".
    @Test func r34ASecondDaemonGetsNoLock() throws {
        let first = try ground.store.lockDaemon()
        let second = try ground.other.lockDaemon()
        let (isFirstHeld, isSecondHeld) = (first != nil, second != nil)
        #expect(isFirstHeld && !isSecondHeld)
        withExtendedLifetime(first) {}
    }
}

extension Ground {
    /// Events that had no meaning where the attempt stood.
    func ignored(_ claim: Claim) throws -> Int {
        try store.read { db in
            try Int.fetchOne(db, sql: "SELECT ignored FROM attempt WHERE fence = ?", arguments: [claim.fence]) ?? 0
        }
    }
}
