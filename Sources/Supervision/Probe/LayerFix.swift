import Glibc
import Policy
import ShepherdProtocol

/// For a mechanism that is missing: what happened and what to do.
enum LayerFix {
    /// - Parameter order: what was tried.
    static func finding(_ layer: Layer, _ error: SpawnError, in order: CageOrder) -> MissingLayers.Finding {
        if layer == .mountNamespace, error.stage == .mount, order.mounts.indices.contains(Int(error.index)) {
            return mount(order.mounts[Int(error.index)], error.errno)
        }
        let why = error.errno == 0 ? "" : ": \(SupervisionError.text(error.errno))"
        return MissingLayers.Finding(errno: error.errno, what: what(layer, error) + why, fix: fix(layer, error))
    }

    /// The layer whose making a step belongs to, where nothing finer is known.
    static func layer(of stage: SpawnStage) -> Layer {
        switch stage {
        case .loopback, .listener: .networkNamespace
        case .hostname: .utsNamespace
        case .mount, .pivot, .idmap: .mountNamespace
        case .sysctl: .processCap
        case .rlimit: .resourceLimits
        case .capabilities: .noCapabilities
        case .noNewPrivileges: .noNewPrivileges
        case .landlock: .landlock
        case .seccomp: .seccomp
        default: .userNamespace
        }
    }

    static func idmap(_ code: Int32) -> MissingLayers.Finding {
        MissingLayers.Finding(
            errno: code,
            what: "files of this file system cannot be shown with another owner: \(SupervisionError.text(code))",
            fix: "keep workspaces on ext4, xfs, btrfs or tmpfs, or run claudine as their owner instead of as root")
    }

    /// A fresh /proc is refused where the one around it has something mounted over a part of it (mount_too_revealing in the kernel's
    /// fs/namespace.c).
    private static func mount(_ step: MountStep, _ code: Int32) -> MissingLayers.Finding {
        let why = SupervisionError.text(code)
        guard step.kind != .proc else {
            return MissingLayers.Finding(
                errno: code, what: "a fresh /proc cannot be mounted: \(why)",
                fix:
                    "in a container: start it with --security-opt systempaths=unconfined (docker, podman), so that /proc is "
                    + "not masked")
        }
        let path = String(decoding: step.target.isEmpty ? step.source : step.target, as: UTF8.self)
        return MissingLayers.Finding(
            errno: code, what: "the cage's file system cannot be built (\(path)): \(why)", fix: mounting)
    }

    private static let mounting =
        "in a container: a seccomp and an AppArmor profile that allow mounts in a user namespace "
        + "(--security-opt seccomp=unconfined --security-opt apparmor=unconfined); Linux 5.12 or newer"

    private static func what(_ layer: Layer, _ error: SpawnError) -> String {
        switch layer {
        case .userNamespace:
            error.stage == .clone || error.stage == .fork
                ? "a user namespace cannot be made" : "a user namespace can be made, but gives no rights in it"
        case .pidNamespace: "a PID namespace cannot be made"
        case .mountNamespace:
            switch error.stage {
            case .clone: "a mount namespace cannot be made"
            case .sysctl: "/proc of the cage cannot be written"
            default: "the cage's file system cannot be built"
            }
        case .networkNamespace:
            error.stage == .clone ? "a network namespace cannot be made" : "the cage's network cannot be set up"
        case .ipcNamespace: "an IPC namespace cannot be made"
        case .utsNamespace: "a UTS namespace cannot be made or named"
        case .cgroupNamespace: "a cgroup namespace cannot be made"
        case .noCapabilities: "capabilities cannot be given up"
        case .noNewPrivileges: "no_new_privs cannot be set"
        case .seccomp: "the system call filter cannot be loaded"
        case .notification: "denied system calls cannot be reported"
        case .landlock: "Landlock rules cannot be set"
        case .processCap: "kernel.pid_max of the cage cannot be set"
        case .resourceLimits: "a resource limit cannot be set"
        }
    }

    private static func fix(_ layer: Layer, _ error: SpawnError) -> String {
        switch layer {
        case .userNamespace: userNamespace(error.errno)
        case .mountNamespace:
            error.stage == .clone ? count("mnt") : mounting
        case .pidNamespace: count("pid")
        case .networkNamespace: count("net")
        case .ipcNamespace: count("ipc")
        case .utsNamespace: count("uts")
        case .cgroupNamespace: count("cgroup")
        case .landlock: landlock
        case .seccomp, .notification:
            "a kernel with CONFIG_SECCOMP_FILTER, and no container filter that denies seccomp(2)"
        case .noCapabilities, .noNewPrivileges: "no container filter that denies prctl(2) and capset(2)"
        case .processCap: "no container filter or mask on /proc/sys"
        case .resourceLimits: "raise the hard limits of the calling shell (ulimit -H)"
        }
    }

    static let landlock = "boot with landlock in the list of lsm= (Linux 5.13, CONFIG_SECURITY_LANDLOCK)"

    private static func count(_ kind: String) -> String {
        guard let text = SmallFile.read("/proc/sys/user/max_\(kind)_namespaces"), text.hasPrefix("0\n") else {
            return "in a container: a seccomp profile that allows it (docker: --security-opt seccomp=unconfined)"
        }
        return "sysctl -w user.max_\(kind)_namespaces=10000"
    }

    /// The switch that is thrown here, read from the kernel, and what throws it back.
    private static func userNamespace(_ code: Int32) -> String {
        func says(_ name: String, _ value: String) -> Bool {
            SmallFile.read("/proc/sys/\(name)")?.hasPrefix(value + "\n") == true
        }
        // ENOSPC is the limit of this or of an outer user namespace (user_namespaces(7)).
        if says("user/max_user_namespaces", "0") || code == ENOSPC { return "sysctl -w user.max_user_namespaces=10000" }
        if says("kernel/unprivileged_userns_clone", "0") { return "sysctl -w kernel.unprivileged_userns_clone=1" }
        if says("kernel/apparmor_restrict_unprivileged_userns", "1") {
            return "load an AppArmor profile for claudine-shepherd (claudine doctor prints it), "
                + "or sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
        }
        return "in a container: --security-opt seccomp=unconfined and no dropped namespaces; not possible in a chroot"
    }

    /// What lets the shepherd at `path` make user namespaces where AppArmor keeps them from programs without a profile
    /// (apparmor.d(5), `userns`).
    static func appArmorProfile(shepherd path: String) -> String {
        """
        # /etc/apparmor.d/claudine-shepherd; then: apparmor_parser -r /etc/apparmor.d/claudine-shepherd
        abi <abi/4.0>,
        include <tunables/global>
        profile claudine-shepherd \(path) flags=(unconfined) {
          userns,
        }
        """
    }
}
