import Agents
import CCage
import Glibc
import OutputLog
import Policy
import ShepherdProtocol
package import Store

/// Brings the store in line with what is really alive: ends or requeues what nobody runs any more, once nothing of it is alive.
///
/// Repeatable and interruptible at every step; locks and receipts decide, never a stored pid. An attempt whose shepherd still
/// holds its lock is left alone: it is on its way down and will be found again.
package enum Recovery {
    /// What one pass found and did.
    package struct Report: Sendable {
        package var ended = 0
        package var requeued = 0
        /// Attempts of dead instances whose shepherds are still on their way down, or whose processes do not end.
        package var pending: [UnfinishedAttempt] = []
        /// What could not be looked at, and why.
        package var failed: [(task: String, error: StoreError)] = []

        package var isComplete: Bool { pending.isEmpty && failed.isEmpty }
    }

    /// One pass over everything; throws only where the store itself cannot be read.
    ///
    /// - Parameter forsaken: fences of attempts whose instance lives but has given them up.
    package static func pass(_ store: Store, forsaken: Set<Int64> = []) async throws(StoreError) -> Report {
        var report = Report()
        var supervisors: Set<InstanceID> = []
        try store.rebaseClocks()
        let orphaned = try store.unfinished(orphanedOr: forsaken)
        report.failed = orphaned.unreadable
        for attempt in orphaned.attempts {
            do throws(StoreError) {
                supervisors.insert(attempt.instance)
                switch try await recover(attempt, store) {
                case .ended: report.ended += 1
                case .requeued: report.requeued += 1
                // Another process was quicker.
                case .stale: break
                case nil: report.pending.append(attempt)
                }
            } catch {
                report.failed.append((attempt.claim.taskID.text, error))
            }
        }
        report.ended += try store.endOrphaned().count
        report.ended += try store.expireQueued().count
        // A dead instance without anything unfinished is only a row and two files.
        if report.ended + report.requeued > 0 { _ = try store.forgetDeadInstances(and: supervisors) }
        return report
    }

    /// - Returns: nil while something of it is alive.
    private static func recover(_ attempt: UnfinishedAttempt, _ store: Store) async throws(StoreError) -> EndResult? {
        let claim = attempt.claim
        let directory = store.paths.attempt(claim.taskID, claim.attempt)
        let isEarlierBoot = try attempt.bootID != Host.bootID()
        // Processes of an earlier boot, or of another machine, are not here, and their numbers belong to others.
        if !isEarlierBoot {
            // What runs belongs to the original, which goes on with it: it is neither ended from here nor run a second time.
            guard !store.isCopied(attempt) else {
                let reason = Reason(.lostSupervisor, "It was running when this state directory was copied.")
                return try store.conclude(claim, .final(Ending(reason)))
            }
            guard try !FileLock.isHeld("\(directory)/alive.lock") else {
                // It has seen its supervisor's end and is on its way down, unless somebody has stopped it.
                signal(attempt.shepherd, SIGCONT)
                return nil
            }
            let cgroups = attempt.frozen.cgroups ?? []
            let swept = await Background.run { () -> Bool in
                for path in cgroups { Cgroups.end(path) }
                return NonceSweep.end(nonce: claim.nonce) != nil
            }
            guard swept else {
                _ = try store.stuck(claim, processes: NonceSweep.processes(with: claim.nonce).count)
                return nil
            }
        }
        return try store.conclude(claim, verdict(attempt, directory, isEarlierBoot, store))
    }

    /// Nanoseconds that a shepherd may take from its supervisor's end to its own: its policy's grace, and the wait for the kill.
    package static func longestEnd(of attempt: UnfinishedAttempt) -> Int64 {
        guard let policy = try? Policy(canonicalJSON: attempt.frozen.policyJSON) else { return 0 }
        let clocks = policy.clocks
        return Int64(clamping: max(clocks.grace, clocks.orphanGrace).addingClamped(clocks.killWait))
    }

    /// Ends a shepherd that holds on to its lock long after it saw its supervisor's end; what it holds dies with it.
    package static func end(_ attempt: UnfinishedAttempt) { signal(attempt.shepherd, SIGKILL) }

    /// If the process is still the one that was armed: between opening the pidfd and the signal its number cannot change hands.
    private static func signal(_ shepherd: ProcessIdentity?, _ number: Int32) {
        guard let shepherd else { return }
        let pidfd = cage_pidfd_open(shepherd.pid)
        guard pidfd >= 0 else { return }
        defer { close(pidfd) }
        guard Host.startTime(of: shepherd.pid) == shepherd.startTime else { return }
        _ = cage_pidfd_signal(pidfd, number, false)
    }

    /// The receipt's facts by the same rules as a live supervisor's; without one all that is known is that it was lost.
    private static func verdict(
        _ attempt: UnfinishedAttempt, _ directory: String, _ isEarlierBoot: Bool, _ store: Store
    ) throws(StoreError) -> Verdict {
        let receipt = Receipt.read(directory, claim: attempt.claim)
        // A claim that was never armed sent no START; an armed one whose receipt says so provably started nothing. But not after a
        // loss of power: the shepherd does not sync what it writes there before it forks, so the disk may still have the first state.
        let neverRan = attempt.state == .claimed || (!isEarlierBoot && receipt?.phase == .armed)
        var facts = AttemptFacts()
        facts.lost = Reason(isEarlierBoot ? .lostReboot : .lostSupervisor)
        facts.stop = attempt.stop
        // A loss of power may have left what was last heard in the row alone.
        facts.exit = receipt?.exit ?? attempt.exit.map { LeaderExit($0) }
        facts.empty = receipt?.empty ?? Receipt.outputOnly(directory)
        guard let policy = try? Policy(canonicalJSON: attempt.frozen.policyJSON),
            let spec = try store.spec(attempt.claim.taskID)
        else { return .final(Ending(Reason(.lostSupervisor))) }
        facts.isAgent = attempt.frozen.resultFormat == AgentDefinition.ResultFormat.claudeStreamJSON.rawValue
        // Of anything else the output may be long, and tells nothing.
        let summary = facts.isAgent ? transcript(directory) : nil
        facts.summary = summary
        var ending = Outcome.ending(facts, policy: policy)
        if facts.exit == nil { ending.state = .lost }
        if facts.isAgent {
            ending.sessionId = summary?.sessionID
            ending.result = summary?.result.map { AgentResult(text: $0.text, isError: $0.isError) }
        }
        // What a foreground run had asked for itself is over with it.
        guard attempt.owner == nil else { return .final(ending) }
        let rule = RetryRule(
            spec: spec, onLost: policy.process.onLost, history: try store.history(attempt.claim.taskID),
            patience: RetryRule.daemonPatience)
        return rule.verdict(on: ending, neverRan ? .neverRan : .ran)
    }

    private static func transcript(_ directory: String) -> AgentSummary? {
        guard let output = try? AttemptOutput(directory: directory) else { return nil }
        let transcript = AgentTranscript(onStep: nil)
        var cursor = StreamCursor(output, .stdout)
        while let piece = try? cursor.next() { transcript.take(piece) }
        return transcript.finish()
    }
}

extension LeaderExit {
    /// As the supervisor had written it down; why it was stopped stands beside it, as the latched reason.
    fileprivate init(_ facts: ExitFacts) {
        let end: ProcessEnd =
            switch facts.exit {
            case .code(let code): .exited(code: UInt8(truncatingIfNeeded: code))
            case .signal(let name): .signalled(UInt8(truncatingIfNeeded: SignalName.number(name) ?? SIGKILL))
            }
        self.init(
            end: end, ourSignal: facts.signalledBefore, reason: .cancel, at: UInt64(clamping: facts.observedAt ?? 0),
            survivors: 0)
    }
}
