import Agents
import CCage
import Glibc
import OutputLog
import Policy
import ShepherdProtocol
package import Store

/// Ends what nobody runs any more: attempts whose supervisor is dead, once nothing of them is alive.
///
/// Repeatable and interruptible at every step; locks and receipts decide, never a stored pid. An attempt whose shepherd still
/// holds its lock is left alone: it is on its way down and will be found again.
package enum Recovery {
    /// - Returns: how many attempts were ended.
    package static func sweep(_ store: Store) async throws(StoreError) -> Int {
        var ended = 0
        for attempt in try store.unfinishedAttempts() where try !store.isAlive(attempt.instance) {
            if try await recover(attempt, store) { ended += 1 }
        }
        // A dead instance without anything unfinished is only a row and two files.
        if ended > 0 { _ = try store.forgetDeadInstances() }
        return ended
    }

    private static func recover(_ attempt: UnfinishedAttempt, _ store: Store) async throws(StoreError) -> Bool {
        let claim = attempt.claim
        let directory = store.paths.attempt(claim.taskID, claim.attempt)
        // Processes of an earlier boot are gone, and their numbers belong to others.
        guard try attempt.bootID == Host.bootID() else {
            return try store.end(claim, Ending(Reason(.lostReboot)))
        }
        guard try !FileLock.isHeld("\(directory)/alive.lock") else {
            // It has seen its supervisor's end and is on its way down, unless somebody has stopped it.
            wake(attempt.shepherd)
            return false
        }
        let cgroups = attempt.frozen.cgroups ?? []
        let swept = await Background.run { () -> Bool in
            for path in cgroups { Cgroups.end(path) }
            return NonceSweep.end(nonce: claim.nonce) != nil
        }
        guard swept else { return false }
        return try store.end(claim, ending(of: attempt, directory))
    }

    /// SIGCONT, if the process is still the one that was armed: between opening the pidfd and the signal its number cannot change
    /// hands.
    private static func wake(_ shepherd: ProcessIdentity?) {
        guard let shepherd else { return }
        let pidfd = cage_pidfd_open(shepherd.pid)
        guard pidfd >= 0 else { return }
        defer { close(pidfd) }
        guard Host.startTime(of: shepherd.pid) == shepherd.startTime else { return }
        _ = cage_pidfd_signal(pidfd, SIGCONT, false)
    }

    /// The receipt's facts by the same rules as a live supervisor's; without one all that is known is that it was lost.
    private static func ending(of attempt: UnfinishedAttempt, _ directory: String) -> Ending {
        var facts = AttemptFacts()
        facts.lost = Reason(.lostSupervisor)
        facts.stop = attempt.stop
        let receipt = Receipt.read(directory, claim: attempt.claim)
        facts.exit = receipt?.exit
        facts.empty = receipt?.empty ?? Receipt.outputOnly(directory)
        guard let policy = try? Policy(canonicalJSON: attempt.frozen.policyJSON) else {
            return Ending(Reason(.lostSupervisor))
        }
        facts.isAgent = attempt.frozen.resultFormat == AgentDefinition.ResultFormat.claudeStreamJSON.rawValue
        let summary = transcript(directory)
        facts.summary = facts.isAgent ? summary : nil
        var ending = Outcome.ending(facts, policy: policy)
        if facts.exit == nil { ending.state = .lost }
        if facts.isAgent {
            ending.sessionId = summary?.sessionID
            ending.result = summary?.result.map { AgentResult(text: $0.text, isError: $0.isError) }
        }
        return ending
    }

    private static func transcript(_ directory: String) -> AgentSummary? {
        guard let output = try? AttemptOutput(directory: directory) else { return nil }
        let transcript = AgentTranscript(onStep: nil)
        var cursor = StreamCursor(output, .stdout)
        while let piece = try? cursor.next() { transcript.take(piece) }
        return transcript.finish()
    }
}
