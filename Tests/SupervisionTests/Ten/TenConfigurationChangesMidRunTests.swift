import Policy
import ShepherdProtocol
import Testing

@testable import Store
@testable import Supervision

/// Issue 5 of docs/ten-issues.md: a running task asks the configuration of this moment what its limits are.
///
/// With processes: integration/ten.py, "ten 5: configuration that changes while it runs".
struct TenConfigurationChangesMidRunTests {
    private final class NaiveConfiguration {
        var timeoutSeconds = 60
        var outputBytes = 1000
    }

    /// As the predecessor's worker: it holds the configuration, not what it was started with.
    private struct NaiveWorker {
        let configuration: NaiveConfiguration
        let startedWith: Int

        func isOver(after seconds: Int) -> Bool { seconds >= configuration.timeoutSeconds }
    }

    @Test func theNaiveWorkerIsEndedByALimitThatItNeverHad() {
        let configuration = NaiveConfiguration()
        let worker = NaiveWorker(configuration: configuration, startedWith: configuration.timeoutSeconds)
        #expect(!worker.isOver(after: 30))
        configuration.timeoutSeconds = 5
        #expect(worker.isOver(after: 30) && worker.startedWith == 60)
    }

    @Test func hereWhatItIsClaimedWithIsItsOwn() async throws {
        let ground = try Ground()
        let claim = try ground.attempt(.running)
        let before = try ground.record(claim)
        // Another configuration: it holds for the next claim, and for that only.
        var changed = try ground.frozen()
        changed.limits = ["wallSeconds": 5]
        let next = try ground.store.claim(
            ground.queued(), attempt: 1, frozen: changed, instance: Ground.stranger(), bounds: .none)
        guard case .claimed(let other) = next else {
            Issue.record("\(next)")
            return
        }
        #expect(try ground.record(claim) == before && before.limits == ["wallSeconds": 60])
        #expect(try ground.record(other).limits == ["wallSeconds": 5])
        // Whoever finds it later judges it by what it had, not by what is configured by then.
        let frozen = try #require(try ground.other.unfinished().attempts.first { $0.claim == claim }?.frozen)
        #expect(try Policy(canonicalJSON: frozen.policyJSON) == ground.policy)
    }

    @Test func hereTheClocksAreInTheOrderAndAskNobody() throws {
        // The shepherd gets values once, with START; there is no message by which they could be changed.
        var shepherd = ScriptedShepherd(wall: 60)
        shepherd.clock(30)
        #expect(shepherd.reason == .none)
        shepherd.clock(60)
        #expect(shepherd.reason == .wall)
    }
}
