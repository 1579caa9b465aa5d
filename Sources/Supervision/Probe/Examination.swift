import CCage
import Glibc
import Policy
package import Store

/// Everything about this machine that decides how firmly a task can be held, each by trying it as this user.
package struct Examination: Sendable {
    package let machine: Machine
    package private(set) var findings: [Finding] = []

    private let paths: StatePaths
    private let isRoot = geteuid() == 0

    /// - Parameter fresh: try again what is remembered.
    package init(_ paths: StatePaths, fresh: Bool) throws(SupervisionError) {
        self.paths = paths
        let known = try Machine.current(paths, fresh: fresh)
        // Somebody who asks may just have mended what is remembered as missing.
        let isDoubtful = known.isRemembered && !known.missing.layers.isEmpty
        machine = isDoubtful ? try .current(paths, fresh: true) : known
        for layer in Layer.allCases { findings.append(finding(layer)) }
        findings.append(unifiedCgroup())
        findings.append(legacyCgroup())
        findings.append(idmappedMounts())
        findings.append(overlay())
        findings.append(pressure())
    }

    /// Where the shepherd is.
    package static func shepherd() throws(SupervisionError) -> String { try ShepherdLocation.find() }

    // MARK: Layers

    private func finding(_ layer: Layer) -> Finding {
        let name = layer.recordName
        if let missing = machine.missing[layer] {
            var fix = missing.fix
            if layer == .userNamespace, fix.contains("AppArmor"), let shepherd = try? ShepherdLocation.find() {
                fix += "\n" + LayerFix.appArmorProfile(shepherd: shepherd)
            }
            return Finding(name, .missing, missing.what, costs: Self.costs(layer), fix: fix)
        }
        let isBelow = layer != .userNamespace && ProbeOrder.namespaces.contains { $0.layer == layer }
        if isBelow, machine.missing[.userNamespace] != nil {
            return Finding(name, .notApplicable, "needs a user namespace")
        }
        switch layer {
        case .landlock: return landlock()
        case .processCap where !machine.missing.hasCage:
            return Finding(
                name, .limited, "RLIMIT_NPROC, counted over all that this user runs", costs: Self.costs(layer),
                fix: "a user namespace, or a delegated cgroup with the pids controller")
        case .processCap:
            return machine.ownPidMax
                ? Finding(name, .ok, "kernel.pid_max of the cage's own")
                : Finding(
                    name, .limited, "RLIMIT_NPROC of the cage; kernel.pid_max is the whole machine's",
                    costs: "nothing for most tasks: the cap is counted by the user namespace",
                    fix: "Linux 6.14 or newer")
        default: return Finding(name, .ok, Self.detail(layer))
        }
    }

    /// ABI 1 to 2 leave truncate(2) free, ABI 6 brought scopes for signals and abstract sockets (landlock(7)).
    private func landlock() -> Finding {
        let abi = HostFacts.current(home: nil).landlockABI
        let name = Layer.landlock.recordName
        switch abi {
        case ..<6:
            return Finding(
                name, .limited, "ABI \(abi)",
                costs: abi < 3
                    ? "no best-effort level; no second wall for policies that ask for ABI 3"
                    : "paranoid (it asks for ABI 6); signals and abstract sockets are not kept in at the best-effort level",
                fix: "a newer kernel (ABI 6 is Linux 6.12)")
        default: return Finding(name, .ok, "ABI \(abi)")
        }
    }

    private static func detail(_ layer: Layer) -> String {
        switch layer {
        case .userNamespace: "made, with rights in it"
        case .pidNamespace, .ipcNamespace, .cgroupNamespace: "made"
        case .mountNamespace: "made; a file system with a fresh /proc was built"
        case .networkNamespace: "made; its loopback is up"
        case .utsNamespace: "made and named"
        case .noCapabilities: "all given up"
        case .noNewPrivileges: "set"
        case .seccomp: "a filter was loaded"
        case .notification: "a refused call was reported"
        default: "set"
        }
    }

    private static func costs(_ layer: Layer) -> String {
        switch layer {
        case .userNamespace:
            "strict, paranoid and readonly refuse; standard and permissive run without a cage, as an ordinary user only (G1, G9)"
        case .pidNamespace:
            "G1: no process outlives its task; strict, paranoid and readonly refuse, others run without a cage"
        case .mountNamespace:
            "what exists for the agent is then Landlock's business; strict, paranoid and readonly refuse"
        case .networkNamespace: "G9: strict, paranoid and readonly refuse; others make unix sockets only"
        case .ipcNamespace: "shared memory of the host can be reached; strict, paranoid and readonly refuse"
        case .utsNamespace: "the host's name is seen; strict, paranoid and readonly refuse"
        case .cgroupNamespace: "the host's cgroups are seen; strict, paranoid and readonly refuse"
        case .noCapabilities, .noNewPrivileges, .seccomp, .resourceLimits: "every policy refuses"
        case .notification: "denied calls are refused all the same, but not reported (G12)"
        case .landlock: "paranoid refuses; there is no best-effort level; others lose their second wall for files"
        case .processCap: "G6: a fork bomb is capped only together with what else this user runs"
        }
    }

    // MARK: On top of the cage

    /// Only a child of our own is made, emptied and removed.
    private func unifiedCgroup() -> Finding {
        let name = "cgroup2"
        let costs = "memory and processor limits are the shepherd's to watch; nothing else depends on it"
        guard let policy = try? PolicyLibrary(directories: []).load("standard").policy,
            let path = Cgroups.available(task: TaskID.random(), attempt: 0, for: policy).unified
        else {
            return Finding(name, .missing, "no cgroup of this user's own", costs: costs, fix: Self.delegation)
        }
        guard mkdir(path, 0o755) == 0 else {
            return Finding(
                name, .missing, "no child can be made: \(SupervisionError.text(errno))", costs: costs,
                fix: Self.delegation)
        }
        defer { rmdir(path) }
        let kills = Self.write("\(path)/cgroup.kill", "1")
        let controllers = (SmallFile.read("\(path)/cgroup.controllers") ?? "").split(whereSeparator: \.isWhitespace)
        let wanted = ["memory", "pids", "cpu"]
        let detail =
            (kills ? "cgroup.kill" : "no cgroup.kill (Linux 5.14)") + ", controllers: "
            + (controllers.isEmpty ? "none" : controllers.joined(separator: " "))
        let isWhole = kills && wanted.allSatisfy { controllers.contains(Substring($0)) }
        return Finding(
            name, isWhole ? .ok : .limited, detail, costs: isWhole ? nil : costs, fix: isWhole ? nil : Self.delegation)
    }

    private static let delegation = """
        # a systemd unit or drop-in for whatever starts claudine (for a login: systemctl edit user@.service)
        [Service]
        Delegate=yes
        """

    private func legacyCgroup() -> Finding {
        let name = "cgroup1"
        guard isRoot else { return Finding(name, .notApplicable, "root only") }
        guard let policy = try? PolicyLibrary(directories: []).load("standard").policy,
            let path = Cgroups.available(task: TaskID.random(), attempt: 0, for: policy).legacyMemory
        else { return Finding(name, .notApplicable, "no memory controller in the old hierarchy") }
        guard mkdir(path, 0o755) == 0 else {
            return Finding(name, .limited, "no child can be made: \(SupervisionError.text(errno))")
        }
        defer { rmdir(path) }
        return Self.write("\(path)/memory.limit_in_bytes", "1073741824")
            ? Finding(name, .ok, "memory can be limited")
            : Finding(name, .limited, "memory cannot be limited: \(SupervisionError.text(errno))")
    }

    private static func write(_ path: String, _ text: String) -> Bool {
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        return text.withCString { Glibc.write(file, $0, strlen($0)) } > 0
    }

    // MARK: Files

    private func idmappedMounts() -> Finding {
        let name = "idmappedMount"
        guard isRoot else { return Finding(name, .notApplicable, "root only") }
        guard let missing = machine.idmap else { return Finding(name, .ok, "files of root appear as the worker's") }
        return Finding(
            name, .missing, missing.what, costs: "tasks in a workspace of root's are refused", fix: missing.fix)
    }

    private func overlay() -> Finding {
        let name = "overlay"
        guard machine.missing[.userNamespace] == nil else {
            return Finding(name, .notApplicable, "needs a user namespace")
        }
        let costs = "none yet: no policy uses one"
        guard let directory = try? ProbeDirectory(in: Machine.place(paths)) else {
            return Finding(name, .missing, "no directory to try it in", costs: costs)
        }
        for part in ["lower", "upper", "work", "merged"] { mkdir("\(directory.path)/\(part)", 0o700) }
        let isMounted = cage_try_overlay(directory.path) == 0
        let code = errno
        // The kernel's own working directory has no permissions at all; it has to be removed like the rest.
        chmod("\(directory.path)/work/work", 0o700)
        return isMounted
            ? Finding(name, .ok, "mounted in a user namespace (userxattr)")
            : Finding(
                name, .missing, "cannot be mounted in a user namespace: \(SupervisionError.text(code))", costs: costs,
                fix: "Linux 5.11 or newer, and a state directory on ext4, xfs, btrfs or tmpfs")
    }

    private func pressure() -> Finding {
        let kinds = ["cpu", "io", "memory"].filter { SmallFile.read("/proc/pressure/\($0)") != nil }
        return kinds.count == 3
            ? Finding("pressure", .ok, "cpu, io and memory can be read")
            : Finding(
                "pressure", kinds.isEmpty ? .missing : .limited,
                kinds.isEmpty ? "nothing can be read" : "only \(kinds.joined(separator: ", "))",
                costs: "none for tasks: how busy the machine is cannot be told", fix: "boot with psi=1 (CONFIG_PSI)")
    }
}
