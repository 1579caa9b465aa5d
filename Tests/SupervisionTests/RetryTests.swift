import Policy
import Testing

@testable import Store
@testable import Supervision

/// What is tried again: every reason, every policy, every number of retries.
struct RetryTests {
    typealias OnLost = Policy.Process.OnLost

    /// What kind of end a reason is, written down once more by hand.
    enum Kind { case failure, loss, other }

    private static func kind(_ code: ReasonCode) -> Kind {
        switch code {
        case .exitNonzero, .exitSignal, .exitStragglers, .agentError, .timeoutWall, .timeoutIdle, .timeoutCPU: .failure
        case .lostShepherd, .lostSupervisor, .lostReboot, .lostProtocol: .loss
        case .agentMaxTurns, .agentBudget, .timeoutTotal, .timeoutQueue, .limitMemory, .limitOutput, .limitDisk,
            .limitBudget, .limitProcesses, .limitFileSize, .cancelledUser, .cancelledClient, .cancelledShutdown,
            .cancelledDependency, .refusedPolicy, .refusedCeiling, .refusedWorkspace, .refusedConfig, .spawnNotFound,
            .spawnNotExecutable, .spawnArgumentTooLong, .spawnResources, .spawnFailed:
            .other
        }
    }

    private func rule(
        _ onLost: OnLost = .fail, retries: Int? = nil, on reasons: [String]? = nil, counted: Int = 1,
        uncountedInARow: Int = 0
    ) -> RetryRule {
        var spec = TaskSpec(command: ["x"], workspace: "/w", policy: "strict")
        spec.retries = retries
        spec.retryOn = reasons
        return RetryRule(
            spec: spec, onLost: onLost, history: AttemptHistory(counted: counted, uncountedInARow: uncountedInARow),
            patience: RetryRule.daemonPatience)
    }

    /// Nil where it is the end.
    private func again(_ rule: RetryRule, _ ending: Ending, _ proof: RetryRule.Proof = .ran) -> Again? {
        if case .again(_, let again) = rule.verdict(on: ending, proof) { again } else { nil }
    }

    @Test(arguments: ReasonCode.allCases)
    func everyReasonUnderEveryPolicyAndEveryNumberOfRetries(_ code: ReasonCode) {
        var ending = Ending(Reason(code))
        ending.sessionId = "session"
        for onLost in OnLost.allCases {
            for retries in [nil, 0, 1, 3, 10] {
                for counted in 1...12 {
                    let again = again(rule(onLost, retries: retries, counted: counted), ending)
                    let allowed = retries ?? 0
                    let expected =
                        switch Self.kind(code) {
                        case .failure: counted <= allowed
                        // Three losses are made good, or as many as were asked for.
                        case .loss: onLost != .fail && counted <= max(3, allowed)
                        case .other: false
                        }
                    #expect((again != nil) == expected, "\(code) \(onLost) \(retries ?? -1) \(counted)")
                    guard let again else { continue }
                    #expect(again.counted && again.reason.code == code)
                    #expect((again.session != nil) == (Self.kind(code) == .loss && onLost == .resume))
                }
            }
        }
    }

    @Test func successIsNeverTriedAgain() {
        for proof in [RetryRule.Proof.ran, .neverRan] {
            #expect(again(rule(.retry, retries: 9), .succeeded, proof) == nil)
        }
    }

    @Test func withoutASessionThereIsNothingToResume() {
        #expect(again(rule(.resume, retries: 9), Ending(Reason(.lostShepherd))) == nil)
    }

    @Test(arguments: ReasonCode.allCases) func whatNeverRanCostsNothing(_ code: ReasonCode) {
        let ending = Ending(Reason(code))
        let found = again(rule(counted: 1), ending, .neverRan)
        // Nobody starts what was refused or cancelled.
        #expect((found != nil) == ![.refused, .cancelled].contains(ending.state), "\(code)")
        if let found { #expect(!found.counted && found.session == nil) }
    }

    @Test func patienceEnds() {
        let ending = Ending(Reason(.spawnResources))
        #expect(again(rule(uncountedInARow: RetryRule.daemonPatience - 2), ending, .neverRan) != nil)
        #expect(again(rule(uncountedInARow: RetryRule.daemonPatience - 1), ending, .neverRan) == nil)
        var foreground = rule(uncountedInARow: RetryRule.foregroundPatience - 1)
        foreground.patience = RetryRule.foregroundPatience
        #expect(again(foreground, ending, .neverRan) == nil)
    }

    @Test func aHandoverIsNoRetry() {
        let handed = again(rule(counted: 99), Ending(StopOrigin.handover.reason))
        #expect(handed?.counted == false && handed?.delayMs == 0)
        #expect(again(rule(.retry, retries: 9), Ending(StopOrigin.shutdown.reason)) == nil)
    }

    @Test(arguments: [
        (["limit"], ReasonCode.limitMemory, true), (["limit.memory"], .limitMemory, true),
        (["limit.mem"], .limitMemory, false), (["lim"], .limitMemory, false), ([], .exitNonzero, false),
        (["timeout.idle"], .timeoutWall, false), (["exit.nonzero", "timeout"], .timeoutWall, true),
        // What must not be started twice is not, whatever was asked for.
        (["cancelled"], .cancelledUser, false), (["refused"], .refusedPolicy, false),
        (["spawn"], .spawnNotFound, true),
    ]) func onlyWhatWasNamedIsRetried(_ reasons: [String], _ code: ReasonCode, _ expected: Bool) {
        #expect((again(rule(retries: 1, on: reasons), Ending(Reason(code))) != nil) == expected)
    }

    @Test func delaysDoubleUpToAMinute() {
        func delays(_ rule: (Int) -> RetryRule, _ ending: Ending, _ proof: RetryRule.Proof) -> [Int64] {
            (0..<40).compactMap { again(rule($0), ending, proof)?.delayMs }
        }
        for (found, first, most) in [
            (delays({ rule(retries: 100, counted: $0 + 1) }, Ending(Reason(.exitNonzero)), .ran), 1000, 60_000),
            (delays({ rule(uncountedInARow: $0) }, Ending(Reason(.spawnResources)), .neverRan), 100, 10_000),
        ] as [([Int64], Int64, Int64)] {
            #expect(found.count == 40)
            for (number, delay) in found.enumerated() {
                let plain = number > 20 ? most : min(first << Int64(number), most)
                #expect(delay >= plain - plain / 10 && delay <= min(plain + plain / 10, most), "\(number): \(delay)")
            }
        }
    }
}
