import Policy
import ShepherdProtocol
import Testing

@testable import Store
@testable import Supervision

/// Who wins: one test for each rule of studies of supervision, A.7, under its number.
///
/// What a rule says of processes is tried with processes, too; each test that has such a case names it.
/// R1–R11 are here: exits, timeouts and cancels. The other files have the deaths and the queue.
struct RaceRuleTests {
    let ground: Ground

    init() throws { ground = try Ground() }

    /// Also: integration/contract.py, "200 timeouts racing 200 exits: one end each".
    @Test func r1ExitBeforeOurSignalBeatsAWallTimeout() throws {
        // The leader is gone when the clock runs out; only what it left behind is ended.
        var shepherd = ScriptedShepherd(wall: 10)
        let exit = shepherd.sees(.exited(code: 0), survivors: 1, at: 9)
        shepherd.clock(10)
        shepherd.clock(11)
        #expect(shepherd.reason == .none && shepherd.isKilling && !exit.ourSignal)
        let claim = try ground.attempt(.running)
        // Even with the timeout committed before the exit was read.
        #expect(try ground.store.stopping(claim, Reason(.timeoutWall)) == Reason(.timeoutWall))
        #expect(try ground.finish(claim, AttemptFacts(exit)).state == .succeeded)
        // The log still tells of the late stop.
        #expect(try ground.kinds(claim).contains("attempt.stopping"))
        let failed = try ground.attempt(.running)
        _ = try ground.store.stopping(failed, Reason(.timeoutWall))
        let record = try ground.finish(failed, AttemptFacts(LeaderExit.natural(3)))
        #expect(record.reason?.code == .exitNonzero && record.exit == .code(3))
    }

    @Test(arguments: [ProcessEnd.exited(code: 0), .exited(code: 7), .signalled(15)])
    func r2OurSignalBeforeTheExitIsATimeout(_ end: ProcessEnd) throws {
        var shepherd = ScriptedShepherd(wall: 10)
        shepherd.clock(10)
        let record = try ground.finish(ground.attempt(.running), AttemptFacts(shepherd.sees(end, at: 11)))
        // Even with status 0, which is kept.
        #expect(record.state == .timedOut && record.reason?.code == .timeoutWall)
        #expect(record.exit == WorkerExit(end) && record.exitCode == 124)
    }

    @Test func r3ExitBeforeOurSignalBeatsACancel() throws {
        let claim = try ground.attempt(.running)
        #expect(try ground.store.requestStop(claim.taskID, by: .user) == .recorded)
        #expect(try ground.finish(claim, AttemptFacts(.natural(0))).state == .succeeded)
        #expect(try ground.store.requestStop(claim.taskID, by: .user) == .alreadyEnded(.succeeded))
        // What failed by itself is not tried again, though: somebody wanted it to end.
        let retried = try ground.attempt(.running, ground.spec { $0.retries = 3 })
        #expect(try ground.store.requestStop(retried.taskID, by: .user) == .recorded)
        #expect(try ground.finish(retried, AttemptFacts(.natural(1))).state == .cancelled)
    }

    /// Also: integration/orphans.py, "cancel empties the tree before the record says so".
    @Test func r4OurSignalBeforeTheExitIsACancel() throws {
        var shepherd = ScriptedShepherd()
        let claim = try ground.attempt(.running)
        #expect(try ground.store.requestStop(claim.taskID, by: .client) == .recorded)
        shepherd.asked(.cancel, at: 3)
        let record = try ground.finish(claim, AttemptFacts(shepherd.sees(.exited(code: 0), at: 4)))
        #expect(record.state == .cancelled && record.reason?.code == .cancelledClient && record.exit == .code(0))
    }

    @Test func r5TheFirstLatchHoldsAndTheSecondCallerIsToldWhich() throws {
        var shepherd = ScriptedShepherd(wall: 10)
        shepherd.clock(10)
        shepherd.asked(.cancel, at: 11)
        #expect(shepherd.reason == .wall)
        let timedOut = try ground.attempt(.running)
        _ = try ground.store.stopping(timedOut, Reason(.timeoutWall))
        #expect(
            try ground.other.requestStop(timedOut.taskID, by: .user) == .alreadyStopping(Reason(.timeoutWall)))
        #expect(
            try ground.finish(timedOut, AttemptFacts(shepherd.sees(.signalled(15), at: 12))).reason?.code
                == .timeoutWall)

        shepherd = ScriptedShepherd(wall: 10)
        shepherd.asked(.cancel, at: 9)
        shepherd.clock(10)
        let cancelled = try ground.attempt(.running)
        #expect(try ground.other.requestStop(cancelled.taskID, by: .user) == .recorded)
        #expect(try ground.store.stopping(cancelled, Reason(.timeoutWall)) == StopOrigin.user.reason)
        #expect(
            try ground.finish(cancelled, AttemptFacts(shepherd.sees(.signalled(15), at: 12))).reason?.code
                == .cancelledUser)
    }

    /// Also: integration/contract.py, "a second SIGINT kills at once".
    @Test func r6AKillAfterACancelOnlyStrengthensTheMethod() throws {
        let claim = try ground.attempt(.running)
        #expect(try ground.store.requestStop(claim.taskID, by: .user) == .recorded)
        #expect(
            try ground.other.requestStop(claim.taskID, by: .client, force: true)
                == .alreadyStopping(StopOrigin.user.reason))
        let request = try #require(try ground.store.stopRequest(for: claim))
        #expect(request == StopRequest(reason: StopOrigin.user.reason, force: true))
        var shepherd = ScriptedShepherd(grace: 5)
        shepherd.asked(.cancel, at: 1)
        #expect(!shepherd.isKilling)
        shepherd.asked(.cancel, force: true, at: 2)
        #expect(shepherd.isKilling)
        let record = try ground.finish(claim, AttemptFacts(shepherd.sees(.signalled(9), at: 2)))
        #expect(record.state == .cancelled && record.reason?.code == .cancelledUser)
    }

    @Test func r7ACancelOfWhatIsQueuedStartsNoProcess() async throws {
        for _ in 0..<50 {
            let id = try ground.queued()
            async let claiming = Task.detached { [ground] in try ground.claim(id) }.value
            async let asking = Task.detached { [ground] in try ground.other.requestStop(id, by: .user) }.value
            switch try await (claiming, asking) {
            case (.notNow, .cancelledAtOnce):
                let record = try #require(try ground.store.record(id))
                #expect(record.state == .cancelled && record.attempt == nil && record.startedAt == nil)
            case (.claimed(let claim), .recorded):
                // It lost to the claim: R8.
                let request = StopRequest(reason: StopOrigin.user.reason, force: false)
                #expect(try ground.store.arm(claim, shepherd: ground.shepherd) == .stopRequested(request))
                #expect(try ground.finish(claim, .neverRan(.cancelledUser)).state == .cancelled)
            case (let claim, let stop): Issue.record("\(claim) \(String(describing: stop))")
            }
        }
    }

    /// Also: integration/races.py, "R8: a cancel between claim and START".
    @Test func r8ACancelBeforeSTARTPreventsIt() throws {
        let claim = try ground.attempt(.claimed)
        #expect(try ground.store.requestStop(claim.taskID, by: .user) == .recorded)
        let request = StopRequest(reason: StopOrigin.user.reason, force: false)
        #expect(try ground.store.arm(claim, shepherd: ground.shepherd) == .stopRequested(request))
        let record = try ground.finish(claim, .neverRan(.cancelledUser))
        #expect(record.state == .cancelled && record.startedAt == nil)
        #expect(try !ground.kinds(claim).contains { ["attempt.armed", "attempt.started"].contains($0) })
    }

    /// Also: integration/races.py, "R9: a cancel between START and STARTED".
    @Test func r9ACancelBetweenSTARTAndSTARTEDWaitsForWhatComes() throws {
        let started = try ground.attempt(.armed)
        #expect(try ground.store.requestStop(started.taskID, by: .user) == .recorded)
        _ = try ground.store.stopping(started, StopOrigin.user.reason)
        #expect(try ground.store.started(started, child: ground.child, receipt: nil))
        #expect(try ground.record(started).state == .stopping)
        var shepherd = ScriptedShepherd()
        shepherd.asked(.cancel, at: 0)
        #expect(try ground.finish(started, AttemptFacts(shepherd.sees(.signalled(15), at: 1))).state == .cancelled)
        // Its exec failed first.
        let failed = try ground.attempt(.armed)
        #expect(try ground.store.requestStop(failed.taskID, by: .user) == .recorded)
        let record = try ground.finish(failed, .neverRan(.spawnNotFound))
        #expect(record.state == .failed && record.reason?.code == .spawnNotFound)
    }

    @Test func r10TheSameRequestTwiceIsOneEvent() throws {
        let claim = try ground.attempt(.running)
        #expect(try ground.store.requestStop(claim.taskID, by: .user) == .recorded)
        let before = try ground.kinds(claim)
        #expect(try ground.other.requestStop(claim.taskID, by: .user) == .alreadyStopping(StopOrigin.user.reason))
        #expect(try ground.store.requestStop(claim.taskID, by: .user) == .alreadyStopping(StopOrigin.user.reason))
        #expect(try ground.kinds(claim) == before)
        // And the same request for a task is the same task.
        let keyed = ground.spec { $0.idempotencyKey = "once" }
        let first = try #require(try ground.store.submit(keyed).record)
        #expect(try ground.other.submit(keyed) == .existing(first))
    }

    @Test func r11ASecondExitIsCountedAndChangesNothing() throws {
        let claim = try ground.attempt(.exited)
        let facts = ExitFacts(exit: .code(9), signalledBefore: true)
        #expect(try !ground.store.exited(claim, facts))
        let record = try ground.finish(claim, AttemptFacts(.natural(0)))
        #expect(try !ground.store.exited(claim, facts))
        #expect(try ground.record(claim) == record && record.state == .succeeded && record.exit == .code(0))
        #expect(try ground.kinds(claim).filter { $0 == "attempt.exited" }.count == 1)
        #expect(try ground.ignored(claim) == 2)
    }
}

extension LeaderExit {
    /// Nobody had sent it a signal.
    static func natural(_ code: UInt8) -> LeaderExit {
        LeaderExit(end: .exited(code: code), ourSignal: false, reason: .none, at: 1, survivors: 0)
    }
}
