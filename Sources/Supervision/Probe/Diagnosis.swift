import Glibc
import Policy
import ShepherdProtocol
import Store

/// Finds out what this machine does not give a cage: the whole cage is tried, and what fails is taken out of it until the
/// rest stands. Nothing is concluded from versions or from the text of an error.
struct Diagnosis {
    private let probe: CageProbe
    /// The cage of the tightest kind, with a workspace, a home and a gateway of its own.
    private let whole: CageOrder
    private(set) var missing = MissingLayers()
    /// Files of one owner cannot be shown as another's; only root needs that.
    private(set) var idmap: MissingLayers.Finding?
    /// `kernel.pid_max` belongs to the PID namespace (Linux 6.14).
    private(set) var ownPidMax = false

    /// More rounds than there are layers.
    private static let mostRounds = 24

    /// - Parameter directory: of the probe's own, on the file system of the state directory.
    init(shepherd: String, directory: String) throws(PolicyError) {
        probe = CageProbe(shepherd: shepherd, directory: directory)
        whole = try ProbeOrder.cage(shepherd: shepherd, directory: directory)
        // A kernel without it is not ordered any, so that no step would fail.
        if HostFacts.current(home: nil).landlockABI == 0 {
            missing[.landlock] = MissingLayers.Finding(
                errno: EOPNOTSUPP, what: "this kernel has no Landlock, or has it switched off", fix: LayerFix.landlock)
        }
    }

    mutating func run() throws(SupervisionError) {
        var order = whole
        for _ in 0..<Self.mostRounds {
            let error: SpawnError
            switch try probe.run(order) {
            case .fails(let failure): error = failure
            case .stands(let receipt, _):
                ownPidMax = order.pidMax != 0 && receipt.pidMax == order.pidMax
                return try notification(order)
            }
            guard !Self.isShortage(error) else { throw .resources("process for a probe", error.errno) }
            if error.stage == .idmap {
                idmap = LayerFix.idmap(error.errno)
                for index in order.mounts.indices { order.mounts[index].flags.remove(.ownerMapped) }
                continue
            }
            let layers = try blame(error, order)
            guard let first = layers.first, missing[first] == nil else { throw .probe(error) }
            for layer in layers { missing[layer] = LayerFix.finding(layer, error, in: order) }
            // Nothing can be tried without these.
            if layers.contains(.noCapabilities) || layers.contains(.noNewPrivileges) { return }
            guard missing.hasCage || order.namespaces != 0 else { throw .probe(error) }
            if !missing.hasCage {
                // Root may not be a worker without a cage, and has nothing more to try.
                guard geteuid() != 0 else { return }
                if order.namespaces != 0 { order = ProbeOrder.plain(of: whole) }
            }
            Self.take(layers, from: &order)
        }
    }

    /// Whether a refused call is heard of, tried with one that the worker is sure to make.
    private mutating func notification(_ order: CageOrder) throws(SupervisionError) {
        guard missing[.seccomp] == nil else {
            missing[.notification] = missing[.seccomp]
            return
        }
        var order = order
        order.seccomp = ProbeOrder.tellTale
        switch try probe.run(order) {
        case .stands(_, denied: true): return
        case .stands(_, denied: false), .fails:
            missing[.notification] = MissingLayers.Finding(
                errno: 0, what: "denied system calls cannot be reported: there is no listener to be had",
                fix: "Linux 5.0 or newer, and no listener of a filter around this one")
        }
    }

    /// Exhausted, not missing: another answer is to be had in a moment.
    private static func isShortage(_ error: SpawnError) -> Bool {
        [EAGAIN, ENOMEM, EMFILE, ENFILE].contains(error.errno) || error.stage == .output
    }

    /// The layers without which the order could do; the first is the one that failed.
    private func blame(_ error: SpawnError, _ order: CageOrder) throws(SupervisionError) -> [Layer] {
        switch error.stage {
        case .clone where order.namespaces != 0: return try namespaces(order)
        case .idMaps, .identity, .lifeline: return [.userNamespace]
        case .loopback, .listener: return try isPowerless() ? [.userNamespace] : [.networkNamespace]
        case .hostname: return try isPowerless() ? [.userNamespace] : [.utsNamespace]
        case .mount, .pivot: return try isPowerless() ? [.userNamespace] : [.mountNamespace]
        case .sysctl: return error.index == 0 ? [.processCap] : [.mountNamespace]
        case .rlimit: return [.resourceLimits]
        case .capabilities: return [.noCapabilities]
        case .noNewPrivileges: return [.noNewPrivileges]
        case .landlock: return [.landlock]
        case .seccomp: return [.seccomp]
        default: throw .probe(error)
        }
    }

    /// clone3 makes all namespaces at once and does not say which of them it could not make.
    private func namespaces(_ order: CageOrder) throws(SupervisionError) -> [Layer] {
        guard try stands(.userNamespace, alone: true) else { return [.userNamespace] }
        var missing: [Layer] = []
        for layer in ProbeOrder.namespaces.map(\.layer) where layer != .userNamespace && order.layers.contains(layer) {
            if try !stands(layer, alone: false) { missing.append(layer) }
        }
        // Each can be had, and all together not: there is no single one to do without.
        return missing.isEmpty ? [.userNamespace] : missing
    }

    private func stands(_ layer: Layer, alone: Bool) throws(SupervisionError) -> Bool {
        switch try probe.run(ProbeOrder.single(layer, of: whole, alone: alone)) {
        case .stands: true
        case .fails(let error): error.stage != .clone
        }
    }

    /// A user namespace may be had and be worth nothing: AppArmor on Ubuntu takes its capabilities away.
    private func isPowerless() throws(SupervisionError) -> Bool {
        for (layer, stage) in [(Layer.utsNamespace, SpawnStage.hostname), (.networkNamespace, .loopback)] {
            guard case .fails(let error) = try probe.run(ProbeOrder.single(layer, of: whole, alone: false)),
                error.stage == stage
            else { return false }
        }
        return true
    }

    private static func take(_ layers: [Layer], from order: inout CageOrder) {
        for layer in layers {
            if let space = ProbeOrder.namespaces.first(where: { $0.layer == layer }) { order.namespaces &= ~space.flag }
            switch layer {
            case .networkNamespace: order.listeners.removeAll { $0.kind != .unix }
            case .processCap: order.pidMax = 0
            case .landlock: order.landlock = LandlockOrder()
            case .seccomp: order.seccomp = []
            case .resourceLimits: order.rlimits = []
            default: break
            }
        }
    }
}
