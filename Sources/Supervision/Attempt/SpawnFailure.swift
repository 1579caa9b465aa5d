import Foundation
import Policy
import ShepherdProtocol
import Store

/// Explains why a worker never ran: which layer of the cage, which error, what to do.
enum SpawnFailure {
    static func reason(_ error: SpawnError, _ prepared: PreparedAttempt) -> Reason {
        switch error.stage {
        case .exec: return program(error, prepared)
        // Whatever it was needed for: what the machine lacks now it may have in a moment, and no policy is to blame.
        case _ where isShortage(error.errno):
            return Reason(
                .spawnResources, "The machine had nothing left to build the cage with: \(text(error.errno)).",
                detail: detail(
                    error, "machine", "end other processes, or raise the limits of processes, files and memory"))
        case .prepare, .session, .streams, .output, .handoff, .closeRange:
            return failed(error, "The shepherd could not prepare the start")
        case .workingDirectory:
            return Reason(
                .refusedWorkspace, "The workspace cannot be entered inside the cage: \(text(error.errno)).",
                detail: detail(
                    error, "workspace", "check the permissions of the workspace and of the directories above it"))
        case .receipt where error.index == 2:
            return failed(
                error, "The worker ended before it could become the program, perhaps by its policy's own filter")
        case .receipt:
            return refused(
                error, "receipt", "What /proc says is in force for the worker is not what the policy demands",
                "this is a fault in Claudine or in the kernel; please report it")
        default: return layer(error, prepared)
        }
    }

    private static func isShortage(_ code: Int32) -> Bool { [EAGAIN, ENOMEM, EMFILE, ENFILE].contains(code) }

    private static func program(_ error: SpawnError, _ prepared: PreparedAttempt) -> Reason {
        let name = prepared.spec.command?.first ?? prepared.frozen.argv.first ?? ""
        switch error.errno {
        case ENOENT where !error.found, ENOTDIR where !error.found:
            return Reason(
                .spawnNotFound, "There is no program \"\(name)\" inside the cage.",
                detail: detail(
                    error, "exec",
                    "give its full path, or install it below a directory that policy '\(prepared.policy.name)' shows"))
        case ENOENT:
            return Reason(
                .spawnNotExecutable, "\"\(name)\" cannot run: the interpreter its first line names does not exist.",
                detail: detail(error, "exec", "install the interpreter or correct the first line"))
        case E2BIG:
            return Reason(.spawnArgumentTooLong, detail: detail(error, "exec", "pass long input by --stdin or a file"))
        case ENOMEM, EAGAIN:
            return Reason(
                .spawnResources, "The kernel could not start \"\(name)\": \(text(error.errno)).",
                detail: detail(error, "exec", "free memory and try again"))
        default:
            return Reason(
                .spawnNotExecutable, "\"\(name)\" was found but cannot be executed: \(text(error.errno)).",
                detail: detail(error, "exec", "check that it is a program for this machine and has its x bit set"))
        }
    }

    /// A mechanism of the cage that this machine does not give: the worker must not run without it.
    private static func layer(_ error: SpawnError, _ prepared: PreparedAttempt) -> Reason {
        // Ubuntu 24.04 lets the namespace be made and takes its capabilities away: what fails is the first thing that needs one.
        let needsCapability: [SpawnStage] = [.loopback, .hostname, .mount, .pivot, .sysctl]
        if needsCapability.contains(error.stage), [EPERM, EACCES].contains(error.errno), isRestrictedByAppArmor {
            return refused(
                error, "userNamespace", "AppArmor allows user namespaces to no program that has no profile for them",
                "load a profile for claudine-shepherd with `userns,`, or sysctl kernel.apparmor_restrict_unprivileged_userns=0"
            )
        }
        switch error.stage {
        case .clone, .idMaps, .identity, .lifeline:
            return refused(
                error, "userNamespace", "User namespaces cannot be used here",
                "allow them (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns=0 or an AppArmor "
                    + "profile for claudine-shepherd, --security-opt for a container)")
        case .idmap:
            return refused(
                error, "idmappedMount",
                "The file system of \(mount(error, prepared)) cannot be shown with another owner",
                "run claudine as the owner of the workspace instead of as root, or use a workspace on ext4, xfs, btrfs or tmpfs"
            )
        case .loopback, .listener:
            return refused(
                error, "networkNamespace", "The cage's network cannot be set up",
                "allow network namespaces (sysctl user.max_net_namespaces)")
        case .hostname:
            return refused(error, "utsNamespace", "The cage's host name cannot be set", "allow UTS namespaces")
        case .mount, .pivot:
            return refused(
                error, "mountNamespace", "The cage's file system cannot be built: \(mount(error, prepared))",
                "allow mount namespaces; in a container /proc must not be masked (--security-opt systempaths=unconfined)"
            )
        case .sysctl:
            return refused(
                error, "processCap", "The cap on processes cannot be set inside the cage",
                "Linux 6.14 or newer is needed for a kernel.pid_max of its own")
        case .rlimit:
            return refused(
                error, "rlimits", "A resource limit cannot be set", "raise the hard limits of the calling shell")
        case .capabilities:
            return refused(error, "capabilities", "Capabilities cannot be dropped", "check the kernel's configuration")
        case .noNewPrivileges:
            return refused(error, "noNewPrivileges", "no_new_privs cannot be set", "Linux 3.5 or newer is needed")
        case .landlock:
            return refused(
                error, "landlock", "Landlock rules cannot be set",
                "enable it at boot: lsm=landlock,…")
        case .seccomp:
            return refused(
                error, "seccomp", "The system call filter cannot be loaded",
                "a kernel with CONFIG_SECCOMP_FILTER is needed")
        case .cgroup:
            return refused(error, "cgroup", "The task's cgroup cannot be used", "check the delegation of the cgroup")
        default: return failed(error, "The cage could not be built")
        }
    }

    private static var isRestrictedByAppArmor: Bool {
        (try? String(contentsOfFile: "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", encoding: .utf8))?
            .hasPrefix("1") == true
    }

    private static func mount(_ error: SpawnError, _ prepared: PreparedAttempt) -> String {
        let steps = prepared.order.cage.mounts
        guard steps.indices.contains(Int(error.index)) else { return "/proc" }
        let step = steps[Int(error.index)]
        return String(decoding: step.target.isEmpty ? step.source : step.target, as: UTF8.self)
    }

    private static func refused(_ error: SpawnError, _ layer: String, _ what: String, _ fix: String) -> Reason {
        Reason(
            .refusedPolicy, error.errno == 0 ? "\(what)." : "\(what): \(text(error.errno)).",
            detail: detail(error, layer, fix))
    }

    private static func failed(_ error: SpawnError, _ what: String) -> Reason {
        Reason(
            .spawnFailed, error.errno == 0 ? "\(what)." : "\(what): \(text(error.errno)).",
            detail: detail(error, "shepherd", "see shepherd.log in the attempt's directory"))
    }

    private static func detail(_ error: SpawnError, _ layer: String, _ fix: String) -> JSONValue {
        .object([
            "layer": .string(layer), "errno": .integer(Int64(error.errno)), "fix": .string(fix),
            "stage": .string("\(error.stage)"), "index": .integer(Int64(error.index)),
        ])
    }

    private static func text(_ code: Int32) -> String { SupervisionError.text(code) }
}
