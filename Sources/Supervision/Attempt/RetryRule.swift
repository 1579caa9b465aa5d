import Policy
import Store

/// Whether a task whose attempt is over gets another, and when.
///
/// Three different things are tried again. What provably never ran uses up nothing. What failed is tried again as often as its
/// request says (`--retries`). What was lost may have had effects, so its policy decides (`process.on_lost`).
struct RetryRule {
    /// What was asked for.
    var spec: TaskSpec
    var onLost: Policy.Process.OnLost
    /// The task's attempts so far, the one that is over included.
    var history: AttemptHistory
    /// Attempts in a row that may come to nothing before the failure is told.
    var patience: Int

    /// In the foreground somebody is waiting for an answer.
    static let foregroundPatience = 3
    /// With the delays below this is about ten minutes.
    static let daemonPatience = 66
    /// Losses that a policy with `on_lost` makes good at most, so that a task that kills its machine does not do so for ever.
    static let mostLosses = 3
    /// What `--retries` retries unless `--retry-on` says otherwise: reason codes, or the first part of them.
    static let reasons = ["exit", "agent.error", "timeout.wall", "timeout.idle", "timeout.cpu"]

    /// What is known of the attempt besides its ending.
    enum Proof {
        /// The agent may have run.
        case ran
        /// It provably did not, for a reason that may pass.
        case neverRan
    }

    func verdict(on ending: Ending, _ proof: Proof) -> Verdict {
        guard let reason = ending.reason, ending.state != .succeeded, ending.state != .refused else {
            return .final(ending)
        }
        if reason.detail?["requeue"] == true {
            return .again(ending, Again(reason, counted: false, session: ending.sessionId))
        }
        guard ending.state != .cancelled else { return .final(ending) }
        if proof == .neverRan {
            guard history.uncountedInARow + 1 < patience else { return .final(ending) }
            return .again(
                ending, Again(reason, counted: false, delayMs: Self.delay(100, history.uncountedInARow, most: 10_000)))
        }
        let used = history.counted
        if ending.state == .lost {
            guard used <= max(Self.mostLosses, spec.retries ?? 0) else { return .final(ending) }
            switch onLost {
            case .fail: return .final(ending)
            case .retry: return .again(ending, Again(reason, counted: true, delayMs: Self.delay(1000, used - 1)))
            case .resume:
                guard let session = ending.sessionId else { return .final(ending) }
                return .again(
                    ending, Again(reason, counted: true, delayMs: Self.delay(1000, used - 1), session: session))
            }
        }
        guard used <= spec.retries ?? 0, isRetried(reason.code) else { return .final(ending) }
        return .again(ending, Again(reason, counted: true, delayMs: Self.delay(1000, used - 1)))
    }

    private func isRetried(_ code: ReasonCode) -> Bool {
        (spec.retryOn ?? Self.reasons).contains { code.rawValue == $0 || code.rawValue.hasPrefix($0 + ".") }
    }

    /// `first` milliseconds, doubled each time, give or take a tenth so that what failed together is not tried again together.
    private static func delay(_ first: Int64, _ times: Int, most: Int64 = Again.longestDelayMs) -> Int64 {
        let delay = min(first << Int64(min(max(times, 0), 20)), most)
        return min(delay + Int64.random(in: -(delay / 10)...(delay / 10)), most)
    }
}
