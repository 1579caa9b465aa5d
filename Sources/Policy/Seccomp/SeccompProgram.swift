import CSeccomp
import Foundation
package import ShepherdProtocol

/// A compiled filter: `struct sock_filter[]` in native byte order, at most 4096 instructions.
///
/// Which calls are allowed is decided by libseccomp's program, which arguments by the guards in front of it. A call of
/// another architecture, and of x32, kills the process.
package struct SeccompProgram: Equatable, Sendable {
    package let bytes: Bytes

    init(bytes: Bytes) { self.bytes = bytes }

    package var instructionCount: Int { bytes.count / Instruction.size }

    /// Compiles; takes some milliseconds, so ask a `SeccompCache` where there is one. Empty for the profile `off`.
    package static func build(_ syscalls: Policy.Syscalls, nested: Bool) throws(PolicyError) -> SeccompProgram {
        guard syscalls.profile != .off else { return SeccompProgram(bytes: []) }
        for name in syscalls.deny {
            guard let problem = SyscallNames.unknownProblem(name) else { continue }
            throw PolicyError(
                .config, "syscalls.deny: '\(name)' \(problem)",
                detail: ["key": "syscalls.deny", "bound": "a known system call", "found": name])
        }
        let guards = ArgumentGuards.guards(of: syscalls, nested: nested)
        let prologue = guards.program(architecture: seccomp_arch_native())
        let program = prologue.flatMap(\.bytes) + (try export(SyscallVerdicts(syscalls, nested: nested)))
        guard program.count <= Instruction.most * Instruction.size else {
            throw PolicyError(
                .config, "the system call filter is too long",
                detail: ["bound": "\(Instruction.most)", "found": "\(program.count / Instruction.size)"])
        }
        return SeccompProgram(bytes: program)
    }

    private static func export(_ verdicts: SyscallVerdicts) throws(PolicyError) -> Bytes {
        guard let context = seccomp_init(verdicts.otherwise) else { throw failure("seccomp_init", -ENOMEM) }
        defer { seccomp_release(context) }
        // What libseccomp knows, not what this kernel does: a worker whose kernel has no listeners rewrites the verdict.
        _ = seccomp_api_set(5)
        try attempt("bad architecture action") {
            seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SeccompAction.killProcess)
        }
        // 2: a binary tree instead of a chain, so that the last call of the list costs as much as the first.
        try attempt("optimisation") { seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2) }
        for (number, action) in verdicts.actions.sorted(by: { $0.key < $1.key }) {
            try attempt("rule for call \(number)") { seccomp_rule_add_array(context, action, number, 0, nil) }
        }

        let file = claudine_anonymous_file()
        guard file >= 0 else { throw failure("memfd_create", -errno) }
        defer { close(file) }
        try attempt("export") { seccomp_export_bpf(context, file) }
        var bytes = Bytes(repeating: 0, count: Instruction.most * Instruction.size)
        let count = pread(file, &bytes, bytes.count, 0)
        guard count > 0, count % Instruction.size == 0 else { throw failure("pread", count < 0 ? -errno : -EIO) }
        return Bytes(bytes[..<count])
    }

    private static func attempt(_ stage: String, _ call: () -> Int32) throws(PolicyError) {
        let result = call()
        guard result == 0 else { throw failure(stage, result) }
    }

    private static func failure(_ stage: String, _ result: Int32) -> PolicyError {
        .missing(
            .seccomp, errno: -result,
            "the system call filter cannot be built (\(stage): \(String(cString: strerror(-result))))",
            fix: "check that libseccomp 2.5 or newer is installed")
    }
}

/// What happens to each call, before arguments are looked at.
struct SyscallVerdicts {
    /// By number; calls that this machine does not have are left out.
    var actions: [Int32: UInt32] = [:]
    var otherwise: UInt32

    init(_ syscalls: Policy.Syscalls, nested: Bool) {
        let allowlist = syscalls.profile == .agent
        // ENOSYS, for libraries fall back from a call that does not exist, and abort on one that is refused.
        otherwise = allowlist ? SeccompAction.errno(ENOSYS) : SeccompAction.allow
        let refusal = syscalls.refusal(nested: nested)
        set(SyscallSets.dangerous, to: refusal)
        if allowlist { set(SyscallSets.agent, to: SeccompAction.allow) }
        set(SyscallSets.opaque, to: SeccompAction.errno(ENOSYS))
        if nested { set(SyscallSets.nested, to: SeccompAction.allow) }
        set(syscalls.allow, to: SeccompAction.allow)
        set(syscalls.deny, to: refusal)
        // The worker makes them itself before anybody listens.
        set(syscalls.deny.filter(SyscallSets.starting.contains), to: SeccompAction.errno(EPERM))
        // libseccomp refuses rules that say what happens anyway.
        actions = actions.filter { $0.value != otherwise }
    }

    private mutating func set(_ names: [String], to action: UInt32) {
        for name in names {
            guard let number = SyscallNames.number(name) else { continue }
            actions[number] = action
        }
    }
}
