import Foundation
import Testing

@testable import Store

/// A state directory of its own for one test, gone with it.
final class Fixture: Sendable {
    let directory: String

    /// - Parameter place: where the directory is made, with a slash at the end.
    init(in place: String = NSTemporaryDirectory()) throws {
        let template = place + "claudine-store-XXXXXX"
        var bytes = template.utf8CString.map { $0 }
        let made = try #require(mkdtemp(&bytes))
        directory = String(cString: made)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: directory)
    }

    var paths: StatePaths { StatePaths(directory: directory) }

    func open() throws -> Store { try Store.open(directory: directory) }

    func spec(_ name: String? = nil, labels: [String] = []) -> TaskSpec {
        var spec = TaskSpec(command: ["/bin/true"], workspace: "/w", policy: "strict")
        spec.name = name
        spec.labels = labels
        return spec
    }

    let frozen = FrozenAttempt(
        policyName: "strict", policyDigest: "sha256:ab", policyJSON: "{}", containment: "kernel",
        layers: ["userNamespace"], degraded: [], limits: ["wallSeconds": 60], argv: ["/bin/true"],
        environmentNames: ["PATH"])

    let shepherd = ProcessIdentity(pid: 10, startTime: 100)
    let child = ProcessIdentity(pid: 11, startTime: 101)

    func kinds(_ store: Store, _ task: TaskID? = nil) throws -> [String] {
        try store.events(task: task, limit: 100_000).map(\.kind)
    }
}

func identity(bootID: String? = nil) throws -> InstanceIdentity {
    InstanceIdentity(
        id: .random(), host: "h", bootID: try bootID ?? Host.bootID(), process: ProcessIdentity(pid: 1, startTime: 1),
        registeredAt: .now())
}

/// The steps of a life without the bounds and the particulars that most tests are not about.
extension Store {
    func enqueue(_ spec: TaskSpec) throws -> TaskRecord { try #require(try submit(spec).record) }

    func enqueueAndClaim(
        _ spec: TaskSpec, id: TaskID = .random(), frozen: FrozenAttempt, instance: InstanceIdentity
    ) throws -> Claim {
        guard case .claimed(let claim) = try submit(spec, id: id, owner: instance, claiming: frozen) else {
            throw StoreError(.io, "not claimed")
        }
        return claim
    }

    /// Nil when it could not be claimed.
    func claim(_ id: TaskID, frozen: FrozenAttempt, instance: InstanceIdentity) throws -> Claim? {
        let attempt = try self.queuedTask(id)?.attempt ?? 1
        guard
            case .claimed(let claim) = try claim(
                id, attempt: attempt, frozen: frozen, instance: instance, bounds: .none)
        else { return nil }
        return claim
    }

    func requeue(_ claim: Claim, _ reason: Reason) throws -> EndResult {
        try conclude(claim, .again(Ending(reason), Again(reason, counted: false)))
    }
}

/// A process that runs tasks, and lives as long as this value.
final class LivingInstance {
    private let instance: Instance

    init(_ store: Store) throws { instance = try store.registerInstance() }

    var identity: InstanceIdentity { instance.identity }
}
