package import Policy
import ShepherdProtocol
package import Store

/// What would become of a policy here: found out as for a task, but without one.
package struct Enforcement: Sendable {
    /// Every policy of this machine has the same answer to these.
    package struct Setting: Sendable {
        let machine: Machine
        let paths: StatePaths
        let home: String?

        package init(paths: StatePaths, home: String?) throws(SupervisionError) {
            machine = try Machine.current(paths)
            self.paths = paths
            self.home = home
        }
    }

    /// Layers that are missing, by the names of the record.
    package let degraded: [String]
    /// Why a task would not run; nil where it would.
    package let refusal: Refusal?
    private let policy: Policy
    private let order: CageOrder?
    private let cgroups: Cgroups
    private let host: HostFacts

    /// - Parameter workspace: canonical.
    package init(_ policy: Policy, workspace: String, _ setting: Setting) {
        self.policy = policy
        let id = TaskID.random()
        host = .current(home: setting.home)
        cgroups = Cgroups.available(task: id, attempt: 1, for: policy)
        let plan = ContainmentPlan(
            policy: policy, request: Self.request(workspace: workspace, paths: setting.paths),
            places: BestEffortPlaces(home: setting.paths.home(id), attempt: setting.paths.attempt(id, 1)),
            home: setting.home, cache: .inState(setting.paths.directory)
        ) { () throws(SupervisionError) in setting.machine }
        do throws(Refusal) {
            let containment = try plan.decide(setting.machine.missing)
            order = containment.order
            degraded = containment.degraded
            refusal = nil
        } catch {
            order = nil
            degraded = []
            refusal = error
        }
    }

    /// A task that will never be: its own paths stand for those of any.
    package static func request(workspace: String, paths: StatePaths) -> CageRequest {
        let task = "\(paths.attempts)/TASK"
        let worker = WorkerIdentity.of(task: TaskID.random(), workspace: workspace)
        return CageRequest(
            workspace: workspace, home: "\(task)/home", passwd: "\(task)/1/etc/passwd", group: "\(task)/1/etc/group",
            workerUid: worker.uid, workerGid: worker.gid, stateDirectory: paths.directory)
    }

    package var isDegraded: Bool { !degraded.isEmpty }

    /// What enforces a field here; what the table says where that is the same everywhere.
    package func mechanism(of field: PolicyField) -> String {
        guard let order else { return field.mechanism }
        let caged = order.namespaces != 0
        switch field.key {
        case "limits.memory" where policy.limits.memory.value != nil:
            return cgroups.limitsMemory ? "cgroup memory controller" : "the shepherd measures"
        case "limits.processes":
            let counted = cgroups.unified != nil && cgroups.delegated.contains("pids") ? ", cgroup pids.max" : ""
            return (caged ? "kernel.pid_max = \(order.pidMax), RLIMIT_NPROC" : "RLIMIT_NPROC, the shepherd counts")
                + counted
        case "limits.cpu_weight":
            let controller = cgroups.delegated.contains("cpu") || cgroups.legacyCPU != nil
            return controller ? "cgroup cpu controller" : "none here: process.nice only"
        case "landlock.mode", "landlock.min_abi":
            guard host.landlockABI > 0, policy.landlock.mode != .off else { return "none" }
            let parts = [
                order.landlock.handledFiles != 0 ? "files" : nil, order.landlock.handledNetwork != 0 ? "TCP" : nil,
                order.landlock.scoped != 0 ? "signals and abstract sockets" : nil,
            ].compactMap { $0 }
            return "Landlock ABI \(host.landlockABI): \(parts.isEmpty ? "nothing" : parts.joined(separator: ", "))"
        case "syscalls.denied" where policy.syscalls.denied == .report:
            return degraded.contains(Layer.notification.recordName)
                ? "seccomp, not reported" : "seccomp user notification"
        case "network.mode" where policy.network.mode != .open && !(order.layers.contains(.networkNamespace)):
            return "seccomp: unix sockets only"
        case _ where !caged && (field.section.hasPrefix("filesystem") || field.section == "workspace"):
            return "Landlock, without mounts"
        default: return field.mechanism
        }
    }
}
