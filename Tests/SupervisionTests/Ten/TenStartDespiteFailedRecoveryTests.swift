import Foundation
import GRDB
import Policy
import Testing

@testable import Store
@testable import Supervision

/// Issue 9 of docs/ten-issues.md: recovery is started and forgotten, and the first task runs beside what nobody has cleaned up.
///
/// With processes: integration/ten.py, "ten 9: a daemon that cannot recover".
struct TenStartDespiteFailedRecoveryTests {
    private struct CannotRecover: Error {}

    /// As in the predecessor's bootstrap: `recover().catch(log)`, and on with it.
    private struct NaiveBootstrap {
        var dispatched: [String] = []
        var logged: [String] = []

        mutating func start(recover: () throws -> Void) {
            do { try recover() } catch { logged.append("recovery failed") }
            dispatched.append("the next task")
        }
    }

    @Test func theNaiveBootstrapDispatchesAllTheSame() {
        var bootstrap = NaiveBootstrap()
        bootstrap.start { throw CannotRecover() }
        #expect(bootstrap.logged == ["recovery failed"] && bootstrap.dispatched == ["the next task"])
    }

    /// An attempt whose lock nobody can look at, root neither: its name leads round in a circle.
    private func obstruct(_ ground: Ground, _ claim: Claim) throws -> String {
        let directory = ground.store.paths.attempt(claim.taskID, claim.attempt)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let lock = directory + "/alive.lock"
        #expect(symlink("alive.lock", lock) == 0)
        return lock
    }

    private func turn(_ ground: Ground, insists: Bool) throws -> (DaemonTurn, Dispatcher) {
        let identity = try Ground.stranger()
        var configuration = try OperatorConfiguration(text: "", file: "config.toml")
        configuration.queue.maxRunning = 2
        let settings = DaemonSettings(configuration, onDemand: false, insistsOnRecovery: insists, version: "0")
        let log = Log(to: try LineWriter(open("/dev/null", O_WRONLY)), from: .error)
        let dispatcher = Dispatcher(store: ground.store, instance: identity, limits: settings.admission) {
            (_: QueuedTask) throws(PreparationFailure) in
            throw .refused(Refusal(Reason(.refusedConfig, "It was dispatched.")))
        }
        return (DaemonTurn(store: ground.store, settings: settings, identity: identity, log: log), dispatcher)
    }

    @Test(arguments: [false, true]) func hereNothingIsDispatchedBeforeRecoveryIsDone(_ insists: Bool) async throws {
        let ground = try Ground()
        let claim = try ground.attempt(.running)
        let lock = try obstruct(ground, claim)
        let waiting = try ground.queued()
        var (turn, dispatcher) = try turn(ground, insists: insists)
        for _ in 0..<3 {
            try await turn.recover([])
            let isDispatching = try await turn.next(dispatcher, .none) != nil
            #expect(!isDispatching)
        }
        #expect(turn.mustGiveUp == insists)
        #expect(turn.obstacles.count == 1 && turn.obstacles[0].contains(claim.taskID.text))
        try turn.announce()
        let status = try #require(DaemonStatus(try announced(ground)))
        #expect(status.phase == .degraded && !status.admission.ok)
        // Neither what could not be looked at nor what waits has been touched.
        #expect(try ground.record(claim).state == .running)
        #expect(try ground.store.record(waiting)?.state == .queued)
        // As soon as it can be finished, it goes on.
        #expect(unlink(lock) == 0)
        try await turn.recover([])
        #expect(!turn.mustGiveUp && turn.obstacles.isEmpty)
        _ = try await turn.next(dispatcher, .none)
        #expect(try ground.record(claim).state == .lost)
        #expect(try ground.store.record(waiting)?.reason?.message == "It was dispatched.")
    }

    /// What the daemon's row says; it is not alive, so nobody would be shown it.
    private func announced(_ ground: Ground) throws -> JSONValue? {
        try ground.store.read { db in
            try String.fetchOne(db, sql: "SELECT status_json FROM instance WHERE role = 'daemon'")
        }.map { try JSONText.decode(JSONValue.self, from: $0) }
    }
}
