import Foundation
import Policy
import ShepherdProtocol
import Testing

@testable import Store
@testable import Supervision

/// R12–R23: somebody dies, stops, or leaves something behind.
extension RaceRuleTests {
    /// Also: integration/races.py, "R12: the shepherd dies before HELLO".
    @Test func r12AShepherdThatDiesBeforeHELLOCostsNoAttempt() throws {
        let claim = try ground.attempt(.claimed)
        let record = try ground.finish(claim, .neverRan(.spawnFailed), .neverRan)
        #expect(record.state == .queued && record.attempts == 0 && record.attempt == 1)
        #expect(try ground.store.queuedTask(claim.taskID)?.attempt == 2)
    }

    /// Also: integration/races.py, "R13: the shepherd dies between HELLO and START".
    @Test func r13AShepherdThatDiesBeforeSTARTCostsNoAttempt() throws {
        let claim = try ground.attempt(.armed)
        try ground.leave(ReceiptFile(claim, .armed), of: claim)
        #expect(Receipt.read(ground.store.paths.attempt(claim.taskID, 1), claim: claim)?.phase == .armed)
        let record = try ground.finish(claim, .neverRan(.spawnFailed), .neverRan)
        #expect(record.state == .queued && record.attempts == 0)
    }

    /// Also: integration/races.py, "R14: the shepherd dies after START".
    @Test func r14AShepherdThatDiesAfterSTARTLeavesItToItsReceipt() async throws {
        // Complete: it is used. Not cloned: it never ran. Anything else: it is lost.
        let complete = try ground.attempt(.running)
        try ground.leave(ReceiptFile(complete, .empty, exit: .natural(5), empty: TreeEmpty()), of: complete)
        let never = try ground.attempt(.armed)
        try ground.leave(ReceiptFile(never, .armed), of: never)
        let unknown = try ground.attempt(.running)
        try ground.leave(ReceiptFile(unknown, .running), of: unknown)
        let missing = try ground.attempt(.running)
        _ = try await Recovery.pass(ground.store)
        #expect(try ground.record(complete).exit == .code(5))
        #expect(try ground.record(never).state == .queued && ground.record(never).attempts == 0)
        #expect(try [unknown, missing].map { try ground.record($0).state } == [.lost, .lost])
        // A loss is tried again only if its policy says so.
        let patient = try Ground(policy: "strict")
        let rule = RetryRule(
            spec: patient.spec(), onLost: .retry, history: AttemptHistory(counted: 1, uncountedInARow: 0), patience: 9)
        guard case .again(_, let again) = rule.verdict(on: Ending(Reason(.lostShepherd)), .ran) else {
            Issue.record("not tried again")
            return
        }
        #expect(again.counted)
    }

    /// Also: integration/races.py, "R15: the shepherd dies between EXIT and TREE_EMPTY".
    @Test func r15AShepherdThatDiesAfterEXITLeavesTheOutcomeOfTheExit() throws {
        let claim = try ground.attempt(.exited)
        var facts = AttemptFacts(.natural(4), empty: nil)
        facts.lost = Reason(.lostShepherd)
        let record = try ground.finish(claim, facts)
        #expect(record.state == .failed && record.reason?.code == .exitNonzero && record.exit == .code(4))
    }

    /// Also: integration/chaos, the scenarios with a stopped shepherd.
    @Test func r16ASilentShepherdIsWokenOnceAndThenEnded() {
        var silence = Silence()
        var now = ContinuousClock.now
        func ticks(_ number: Int) -> [Silence.Verdict] {
            (0..<number).map { _ in
                now += .seconds(Silence.tick)
                return silence.tick(at: now)
            }
        }
        #expect(ticks(8) == [.fine, .fine, .fine, .wake, .fine, .fine, .fine, .dead])
        silence = Silence()
        #expect(ticks(4).last == .wake)
        silence.heard()
        #expect(ticks(4) == [.fine, .fine, .fine, .wake])
    }

    /// Also: integration/races.py, "R17: the supervisor dies while it runs".
    @Test func r17ASupervisorThatDiesLeavesANaturalExitOrALoss() async throws {
        var shepherd = ScriptedShepherd()
        let natural = try ground.attempt(.running)
        let exit = shepherd.sees(.exited(code: 0), at: 1)
        try ground.leave(ReceiptFile(natural, .empty, exit: exit, empty: TreeEmpty()), of: natural)
        shepherd = ScriptedShepherd()
        shepherd.asked(.supervisorGone, at: 1)
        let ended = try ground.attempt(.running)
        let killed = shepherd.sees(.signalled(15), at: 2)
        try ground.leave(ReceiptFile(ended, .empty, exit: killed, empty: TreeEmpty()), of: ended)
        let report = try await Recovery.pass(ground.store)
        #expect(report.ended == 2 && report.isComplete)
        #expect(try ground.record(natural).state == .succeeded)
        let record = try ground.record(ended)
        #expect(record.state == .lost && record.reason?.code == .lostSupervisor && record.exit == .signal("SIGTERM"))
    }

    /// Also: integration/races.py, "R18: the supervisor dies between EXIT and the record's end".
    @Test func r18ASupervisorThatDiesAfterEXITLeavesTheNaturalOutcomeOnce() async throws {
        let claim = try ground.attempt(.exited)
        var empty = TreeEmpty()
        empty.stragglers = 2
        try ground.leave(ReceiptFile(claim, .empty, exit: .natural(6), empty: empty), of: claim)
        // Two recoveries at a time, as two commands would begin them.
        async let one = Recovery.pass(ground.store)
        async let two = Recovery.pass(ground.other)
        #expect(try await one.ended + two.ended == 1)
        let record = try ground.record(claim)
        #expect(record.state == .failed && record.exit == .code(6) && record.stragglers == 2)
        #expect(try ground.kinds(claim).filter { $0.hasSuffix(".ended") } == ["attempt.ended", "task.ended"])
    }

    /// Also: integration/races.py, "R19: the supervisor dies before ACK".
    @Test func r19ASupervisorThatDiesAfterTheEndLeavesNothingToDo() async throws {
        let claim = try ground.attempt(.running)
        let record = try ground.finish(claim, AttemptFacts(.natural(0)))
        try ground.leave(ReceiptFile(claim, .empty, exit: .natural(9), empty: TreeEmpty()), of: claim)
        let events = try ground.store.lastEvent()
        let report = try await Recovery.pass(ground.store)
        #expect(report.ended == 0 && report.isComplete)
        #expect(try ground.record(claim) == record && ground.store.lastEvent() == events)
    }

    /// Also: integration/orphans.py, "SIGKILL of shepherd, then supervisor" and the other way round.
    @Test func r20WhenBothDieTheReceiptDecidesOrItIsLost() async throws {
        let told = try ground.attempt(.running)
        try ground.leave(ReceiptFile(told, .exited, exit: .natural(0)), of: told)
        let untold = try ground.attempt(.running)
        // Somebody else's receipt is none, whatever it says.
        let stranger = Claim(taskID: untold.taskID, attempt: 1, fence: untold.fence + 50, nonce: untold.nonce)
        try ground.leave(ReceiptFile(stranger, .empty, exit: .natural(0), empty: TreeEmpty()), of: untold)
        // As long as a shepherd holds its lock, nothing is decided.
        let alive = try ground.attempt(.running)
        try ground.leave(ReceiptFile(alive, .running), of: alive)
        let lock = try FileLock.attempt(ground.store.paths.attempt(alive.taskID, 1) + "/alive.lock")
        let isLocked = lock != nil
        #expect(isLocked)
        let report = try await Recovery.pass(ground.store)
        #expect(report.ended == 2 && report.pending.map(\.claim) == [alive])
        #expect(try ground.record(told).state == .succeeded)
        #expect(try ground.record(untold).reason?.code == .lostSupervisor)
        #expect(try ground.record(alive).state == .running)
        withExtendedLifetime(lock) {}
    }

    /// Also: integration/races.py, "R21: after a reboot nobody's processes are touched".
    @Test func r21AfterARebootNothingIsKilledAndItIsLost() async throws {
        // A process that has the number of a shepherd of another boot, and its start time as well.
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sleep")
        process.arguments = ["60"]
        try process.run()
        defer { process.terminate() }
        let pid = process.processIdentifier
        let innocent = ProcessIdentity(pid: pid, startTime: try #require(Host.startTime(of: pid)))
        let before = try Ground.stranger(bootID: "another")
        guard case .claimed(let claim) = try ground.claim(ground.queued(), by: before) else {
            Issue.record("not claimed")
            return
        }
        #expect(try ground.store.arm(claim, shepherd: innocent) == .armed)
        #expect(try ground.store.started(claim, child: innocent, receipt: nil))
        // Even with a lock that somebody holds now.
        try ground.leave(ReceiptFile(claim, .running), of: claim)
        let lock = try FileLock.attempt(ground.store.paths.attempt(claim.taskID, 1) + "/alive.lock")
        let isLocked = lock != nil
        #expect(isLocked)
        _ = try await Recovery.pass(ground.store)
        #expect(try ground.record(claim).reason?.code == .lostReboot)
        #expect(process.isRunning, "an innocent process was ended")
        withExtendedLifetime(lock) {}
    }

    /// Also: integration/orphans.py, "a held output pipe does not hold the task".
    @Test func r22TheLeadersExitIsTheOutcomeAndLaterOutputIsKept() throws {
        let claim = try ground.attempt(.exited)
        var empty = TreeEmpty()
        empty.output.stdout = 4096
        empty.stragglers = 1
        let record = try ground.finish(claim, AttemptFacts(.natural(0), empty: empty))
        #expect(record.state == .succeeded && record.output?.stdoutBytes == 4096 && record.stragglers == 1)
    }

    /// Also: integration/orphans.py, "natural exit leaves nothing" and "left processes are a failure where the policy says so".
    @Test func r23SurvivorsOfASuccessAreCountedAndItStaysOneUnlessThePolicySaysOtherwise() throws {
        var shepherd = ScriptedShepherd(linger: 2)
        let exit = shepherd.sees(.exited(code: 0), survivors: 3, at: 1)
        #expect(!shepherd.isKilling)
        shepherd.clock(3)
        #expect(shepherd.isKilling && shepherd.reason == .none && !exit.ourSignal)
        var empty = TreeEmpty()
        empty.stragglers = 3
        let record = try ground.finish(ground.attempt(.exited), AttemptFacts(exit, empty: empty))
        #expect(record.state == .succeeded && record.stragglers == 3)
        let ended = try ground.store.events(task: record.taskId, limit: 100).first { $0.kind == "attempt.ended" }
        #expect(ended?.data["stragglers"] == 3)

        var strict = ground.policy
        strict.process.onStragglers = .fail
        let facts = AttemptFacts(exit, empty: empty)
        #expect(Outcome.ending(facts, policy: strict).reason?.code == .exitStragglers)
        #expect(Outcome.ending(facts, policy: strict).state == .failed)
        #expect(Outcome.ending(AttemptFacts(exit, empty: TreeEmpty()), policy: strict).state == .succeeded)
        #expect(Outcome.ending(AttemptFacts(.natural(7), empty: empty), policy: strict).reason?.code == .exitNonzero)
    }
}
