import Digests
import ShepherdProtocol

/// What a policy comes to on a machine for one workspace: what is to be seen of the file system, and why.
package struct CageView: Sendable {
    /// One place of the cage; the longest that contains a path decides about it.
    package struct Mount: Sendable, Equatable, Encodable {
        package enum Access: String, Sendable, Encodable {
            /// The host's files.
            case readOnly = "ro"
            case writable = "rw"
            /// The host has something here that is covered.
            case hidden
            /// The cage's own.
            case own = "private"
            case link
        }
        package var path: String
        package var access: Access
        /// The path of the host that is seen, or where a link leads.
        package var shows: String?
        package var size: String?
        /// The field of the policy, or whatever else, that put it there.
        package var why: String
    }

    package struct Limit: Sendable, Equatable, Encodable {
        package var name: String
        package var soft: String
        package var hard: String
    }

    package let mounts: [Mount]
    package let limits: [Limit]

    /// Throws what a task would be refused with.
    package init(policy: Policy, request: CageRequest, host: HostFacts) throws(PolicyError) {
        let plan = try MountPlan(policy: policy, request: request, host: host)
        mounts = plan.layers.map(Self.mount).sorted { $0.path < $1.path }
        limits = ResourceLimits.limits(of: policy, host: host).map { limit in
            func text(_ value: UInt64) -> String { value == .max ? "unlimited" : String(value) }
            return Limit(
                name: ResourceName.names[limit.resource] ?? String(limit.resource), soft: text(limit.soft),
                hard: text(limit.hard))
        }
    }

    private static func mount(_ layer: MountPlan.Layer) -> Mount {
        let step = layer.step
        let size = step.size > 0 ? ByteSize(bytes: step.size).description : nil
        var mount = Mount(path: layer.target, access: .own, shows: nil, size: nil, why: layer.why)
        switch step.kind {
        case .bind, .hostRoot:
            mount.access = step.flags.contains(.readOnly) ? .readOnly : .writable
            mount.shows = layer.shows
        case .symlink:
            mount.access = .link
            mount.shows = String(decoding: step.source, as: UTF8.self)
        case .hide: mount.access = .hidden
        default:
            mount.access = layer.isSkeleton && layer.target != "/" ? .hidden : .own
            mount.size = layer.isSkeleton ? nil : size
        }
        return mount
    }
}

/// What a policy lets through of the system calls of this machine.
package struct CallView: Sendable, Equatable, Encodable {
    /// Calls that are let through, some of them not with every argument.
    package let allowed: Int
    /// Calls that are there on this machine, as far as libseccomp knows them.
    package let known: Int
    /// `sha256:…` of the compiled filter; nil where there is none.
    package let filter: String?

    package init(policy: Policy) throws(PolicyError) {
        let nested = policy.process.nestedSandbox
        let verdicts = SyscallVerdicts(policy.syscalls, nested: nested)
        let numbers = (0..<Self.last).filter { SyscallNames.name(UInt32($0)) != String($0) }
        known = numbers.count
        allowed =
            policy.syscalls.profile == .off
            ? known
            : numbers.count { (verdicts.actions[$0] ?? verdicts.otherwise) == SeccompAction.allow }
        let bytes = try SeccompProgram.build(policy.syscalls, nested: nested).bytes
        filter = bytes.isEmpty ? nil : "sha256:" + SHA256.hex(bytes)
    }

    /// Above every number of x86-64 and aarch64 (473 in Linux 6.18); the next ones are hundreds away.
    private static let last: Int32 = 1_024
}
