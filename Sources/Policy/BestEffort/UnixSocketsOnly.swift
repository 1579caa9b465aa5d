import CSeccomp
import Glibc
import ShepherdProtocol

/// The wall for the network where there is no network namespace: of all families of sockets only AF_UNIX can be made.
enum UnixSocketsOnly {
    /// The policy's filter, behind a few instructions that refuse all other sockets unless the network is open.
    ///
    /// - Parameter nested: whether the worker may make namespaces; without any of its own it may not.
    static func filter(of policy: Policy, nested: Bool, in cache: SeccompCache?) throws(PolicyError) -> Bytes {
        var policy = policy
        policy.process.nestedSandbox = nested
        guard policy.network.mode != .open else { return try program(policy, cache) }
        // io_uring makes sockets past every filter, so that its calls have to be refused at least.
        if policy.syscalls.profile == .off { policy.syscalls.profile = .denyDangerous }
        return guards.program(architecture: seccomp_arch_native()).flatMap(\.bytes) + (try program(policy, cache))
    }

    private static func program(_ policy: Policy, _ cache: SeccompCache?) throws(PolicyError) -> Bytes {
        guard let cache else {
            return try SeccompProgram.build(policy.syscalls, nested: policy.process.nestedSandbox).bytes
        }
        return try cache.program(for: policy).bytes
    }

    /// Whatever the policy's own lists allow.
    private static let guards = ArgumentGuards(
        guards: [
            .init(call: "socket", passes: [[.init(argument: 0, value: UInt32(AF_UNIX))]], errno: EAFNOSUPPORT),
            // No argument is ever 1 after a mask of 0.
            .init(call: "io_uring_setup", passes: [[.init(argument: 0, mask: 0, value: 1)]], errno: EPERM),
        ], refusal: SeccompAction.errno(EPERM))
}
