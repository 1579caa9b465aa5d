import Foundation
import Policy
import ShepherdProtocol
import Testing

@testable import Store
@testable import Supervision

/// A state directory of its own, two connections that stand for two processes, and the steps of an attempt's life. Gone with it.
final class Ground: Sendable {
    let directory: String
    let store: Store
    let other: Store
    let policy: Policy
    let shepherd = ProcessIdentity(pid: 10, startTime: 100)
    let child = ProcessIdentity(pid: 11, startTime: 101)

    init(policy name: String = "strict") throws {
        var template = (NSTemporaryDirectory() + "claudine-ground-XXXXXX").utf8CString.map { $0 }
        directory = String(cString: try #require(mkdtemp(&template)))
        store = try Store.open(directory: directory)
        other = try Store.open(directory: directory)
        policy = try PolicyLibrary(directories: []).load(name).policy
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func spec(_ change: (inout TaskSpec) -> Void = { _ in }) -> TaskSpec {
        var spec = TaskSpec(command: ["/bin/true"], workspace: "/w", policy: policy.name)
        change(&spec)
        return spec
    }

    func frozen() throws -> FrozenAttempt {
        FrozenAttempt(
            policyName: policy.name, policyDigest: try policy.digest(), policyJSON: try policy.canonicalJSON(),
            containment: "kernel", layers: [], degraded: [], limits: ["wallSeconds": 60], argv: ["/bin/true"],
            environmentNames: [])
    }

    /// Of a process that is dead: nobody holds its lock.
    static func stranger(bootID: String? = nil) throws -> InstanceIdentity {
        InstanceIdentity(
            id: .random(), host: "h", bootID: try bootID ?? Host.bootID(),
            process: ProcessIdentity(pid: 1, startTime: 1), registeredAt: .now())
    }

    func queued(_ spec: TaskSpec? = nil) throws -> TaskID {
        try #require(try store.submit(spec ?? self.spec()).record?.taskId)
    }

    func claim(
        _ id: TaskID, by instance: InstanceIdentity? = nil, on store: Store? = nil
    ) throws -> ClaimResult {
        let store = store ?? self.store
        return try store.claim(
            id, attempt: store.queuedTask(id)?.attempt ?? 1, frozen: frozen(), instance: instance ?? Self.stranger(),
            bounds: .none)
    }

    /// A task whose first attempt has come as far as `state`.
    func attempt(
        _ state: AttemptState, _ spec: TaskSpec? = nil, by instance: InstanceIdentity? = nil
    ) throws -> Claim {
        guard case .claimed(let claim) = try claim(queued(spec), by: instance) else {
            throw StoreError(.io, "not claimed")
        }
        let order: [AttemptState] = [.claimed, .armed, .running, .stopping, .exited]
        let steps = order.prefix { $0 != state } + [state]
        for step in steps {
            switch step {
            case .armed: #expect(try store.arm(claim, shepherd: shepherd) == .armed)
            case .running: #expect(try store.started(claim, child: child, receipt: nil))
            case .exited: #expect(try store.exited(claim, ExitFacts(exit: .code(0), signalledBefore: false)))
            default: break
            }
        }
        return claim
    }

    /// Ends the attempt as `AttemptRunner` does: facts, then outcome, then verdict, then the store.
    @discardableResult
    func finish(
        _ claim: Claim, _ facts: AttemptFacts, _ proof: RetryRule.Proof = .ran, on store: Store? = nil
    ) throws -> TaskRecord {
        let store = store ?? self.store
        var facts = facts
        facts.stop = try facts.stop ?? store.stopRequest(for: claim)
        let rule = RetryRule(
            spec: try #require(try store.spec(claim.taskID)), onLost: policy.process.onLost,
            history: try store.history(claim.taskID), patience: RetryRule.daemonPatience)
        _ = try store.conclude(claim, rule.verdict(on: Outcome.ending(facts, policy: policy), proof))
        return try record(claim)
    }

    func record(_ claim: Claim) throws -> TaskRecord { try #require(try store.record(claim.taskID)) }

    func kinds(_ claim: Claim) throws -> [String] {
        try store.events(task: claim.taskID, limit: 1000).map(\.kind)
    }

    /// Leaves what a shepherd leaves behind.
    func leave(_ receipt: ReceiptFile, of claim: Claim) throws {
        let path = store.paths.attempt(claim.taskID, claim.attempt)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try Data(receipt.encoded).write(to: URL(fileURLWithPath: path + "/receipt"))
    }
}

extension AttemptFacts {
    init(_ exit: LeaderExit?, empty: TreeEmpty? = TreeEmpty()) {
        self.init()
        self.exit = exit
        self.empty = empty
    }

    static func neverRan(_ code: ReasonCode) -> AttemptFacts {
        var facts = AttemptFacts()
        facts.neverRan = Reason(code)
        return facts
    }

    static func lost(_ code: ReasonCode) -> AttemptFacts {
        var facts = AttemptFacts()
        facts.lost = Reason(code)
        return facts
    }
}

extension ReceiptFile {
    init(_ claim: Claim, _ phase: AttemptPhase, exit: LeaderExit? = nil, empty: TreeEmpty? = nil) {
        self.init(fence: UInt64(claim.fence), nonce: claim.nonce)
        self.phase = phase
        self.exit = exit
        self.empty = empty
    }
}

/// A shepherd's ladder with a clock in seconds: what it sends before it sees the leader's exit decides every race.
struct ScriptedShepherd {
    private var ladder: Ladder
    private static let second: UInt64 = 1_000_000_000

    init(wall: UInt64 = 10, grace: UInt64 = 5, linger: UInt64 = 2) {
        var clocks = Clocks()
        (clocks.wall, clocks.grace, clocks.linger) = (wall * Self.second, grace * Self.second, linger * Self.second)
        ladder = Ladder(clocks: clocks)
        ladder.released(at: 0)
    }

    mutating func asked(_ reason: StopReason, force: Bool = false, at seconds: UInt64) {
        _ = ladder.stop(reason, force: force, at: seconds * Self.second)
    }

    mutating func clock(_ seconds: UInt64) { _ = ladder.expire(at: seconds * Self.second) }

    mutating func sees(_ end: ProcessEnd, survivors: UInt32 = 0, at seconds: UInt64) -> LeaderExit {
        let exit = LeaderExit(
            end: end, ourSignal: ladder.ourSignal, reason: ladder.reason, at: seconds * Self.second,
            survivors: survivors)
        _ = ladder.leaderExited(survivors: survivors, at: seconds * Self.second)
        return exit
    }

    var reason: StopReason { ladder.reason }
    var isKilling: Bool { if case .killing = ladder.phase { true } else { false } }
}
