import Glibc
import Policy
import ShepherdProtocol
import Supervision

/// Which mechanisms one cage has, found in the order that the shepherd was given: nothing here knows the name of a policy.
struct WallsInForce {
    private let order: CageOrder
    private let layers: Set<Layer>
    private let filter: FilterReading
    private let view: OrderView
    private let rootIsReadOnly: Bool
    /// What `@KEY` in a probe's path stands for.
    private let places: [String: String]

    init(_ prepared: PreparedAttempt, places: [String: String]) {
        order = prepared.order.cage
        layers = Set(order.layers)
        filter = FilterReading(order.seccomp)
        view = OrderView(order)
        rootIsReadOnly = prepared.policy.filesystem.root != .hostReadWrite
        self.places = places
    }

    /// The first mechanism that stops this probe here; nil where the policy uses none of those that would.
    func first(against probe: Probe) -> Wall? { probe.walls.first { holds($0, probe) } }

    private func holds(_ wall: Wall, _ probe: Probe) -> Bool {
        switch wall {
        case .userNamespace, .watchers: layers.contains(.userNamespace)
        case .pidNamespace: layers.contains(.pidNamespace)
        case .mountNamespace, .devices: layers.contains(.mountNamespace)
        case .networkNamespace: layers.contains(.networkNamespace)
        case .ipcNamespace: layers.contains(.ipcNamespace)
        case .capabilities: layers.contains(.noCapabilities)
        case .noNewPrivileges: layers.contains(.noNewPrivileges)
        case .resourceLimits: layers.contains(.resourceLimits)
        // What the probes want (integration/hostile/battery/limits.c): 17,000 files, a file of 1 TiB, 64 MiB locked.
        case .openFiles: bounds(RLIMIT_NOFILE, below: 17_000)
        case .fileSize: bounds(RLIMIT_FSIZE, below: 1 << 40)
        case .lockedMemory: bounds(__RLIMIT_MEMLOCK, below: 64 << 20)
        case .processCap: layers.contains(.processCap)
        case .seccomp: refuses(probe.call)
        case .filter: layers.contains(.seccomp)
        case .landlock: order.landlock.handledFiles | order.landlock.scoped != 0
        case .scope: order.landlock.scoped != 0
        case .noNesting: layers.contains(.userNamespace) && !order.nesting
        case .view, .protect: hides(probe) { view.access(to: $0) }
        case .mounts: hides(probe) { view.mounted(at: $0) }
        case .readOnlyWorkspace: places["workspace"].map { view.access(to: $0) != .writable } ?? false
        case .readOnlyRoot: rootIsReadOnly && view.access(to: "/etc") != .writable
        // Held whatever the policy says: the worker is made so.
        case .uid, .session, .environment, .descriptors, .gateway, .sweep, .kernel: true
        case .permissions: false
        }
    }

    private func bounds(_ resource: __rlimit_resource, below wanted: UInt64) -> Bool {
        order.rlimits.contains { $0.resource == UInt32(resource.rawValue) && $0.hard < wanted }
    }

    private func refuses(_ call: [UInt64]?) -> Bool {
        guard layers.contains(.seccomp) else { return false }
        // Without a call it is one of another architecture, which every filter of ours kills, or several that are in every list.
        guard let call, let number = call.first else { return true }
        return !filter.allows(Int32(truncatingIfNeeded: number), Array(call.dropFirst()))
    }

    private func hides(_ probe: Probe, by access: (String) -> OrderView.Access) -> Bool {
        guard let path = probe.path.flatMap(resolved) else { return false }
        switch access(path) {
        case .hidden: return true
        case .readOnly: return probe.writes == true
        case .writable: return false
        }
    }

    private func resolved(_ path: String) -> String? {
        guard path.hasPrefix("@") else { return path }
        let key = path.dropFirst().prefix { $0 != "/" }
        return places[String(key)].map { $0 + path.dropFirst(key.count + 1) }
    }
}
