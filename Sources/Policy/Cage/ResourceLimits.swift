import Foundation
import ShepherdProtocol

/// `RLIMIT_*` numbers of this machine.
enum ResourceName {
    static let cpu = UInt32(RLIMIT_CPU.rawValue)
    static let fileSize = UInt32(RLIMIT_FSIZE.rawValue)
    static let core = UInt32(RLIMIT_CORE.rawValue)
    static let openFiles = UInt32(RLIMIT_NOFILE.rawValue)
    static let processes = UInt32(__RLIMIT_NPROC.rawValue)
    static let lockedMemory = UInt32(__RLIMIT_MEMLOCK.rawValue)
    static let messageQueues = UInt32(__RLIMIT_MSGQUEUE.rawValue)
    static let pendingSignals = UInt32(__RLIMIT_SIGPENDING.rawValue)
    static let realTimePriority = UInt32(__RLIMIT_RTPRIO.rawValue)
    static let nice = UInt32(__RLIMIT_NICE.rawValue)

    static let names = [
        cpu: "RLIMIT_CPU", fileSize: "RLIMIT_FSIZE", core: "RLIMIT_CORE", openFiles: "RLIMIT_NOFILE",
        processes: "RLIMIT_NPROC", lockedMemory: "RLIMIT_MEMLOCK", messageQueues: "RLIMIT_MSGQUEUE",
        pendingSignals: "RLIMIT_SIGPENDING", realTimePriority: "RLIMIT_RTPRIO", nice: "RLIMIT_NICE",
    ]

    static let all = [
        cpu, fileSize, core, openFiles, processes, lockedMemory, messageQueues, pendingSignals, realTimePriority, nice,
    ]
}

/// The bounds of each process of a cage.
///
/// Never RLIMIT_AS: runtimes with a just-in-time compiler reserve gigabytes of addresses and die without them.
enum ResourceLimits {
    /// No limit is above the caller's hard limit, since nobody in the cage could raise it.
    static func limits(of policy: Policy, host: HostFacts) -> [ResourceLimit] {
        func limit(_ resource: UInt32, _ soft: UInt64, hard: UInt64? = nil) -> ResourceLimit {
            let most = host.hardLimits[resource] ?? .max
            return ResourceLimit(resource: resource, soft: min(soft, most), hard: min(hard ?? soft, most))
        }
        let limits = policy.limits
        var result = [
            limit(ResourceName.core, 0),
            limit(ResourceName.openFiles, UInt64(limits.openFiles)),
            limit(ResourceName.fileSize, limits.fileSize.value?.bytes ?? .max),
            // Counted per user namespace since Linux 5.14, and the worker is never uid 0, so it holds for every cage by itself.
            limit(ResourceName.processes, UInt64(limits.processes)),
            limit(ResourceName.lockedMemory, limits.lockedMemory.bytes),
            // The kernel's default (MQ_BYTES_MAX).
            limit(ResourceName.messageQueues, 819_200),
            // Queued signals take kernel memory; Claude Code works with 16.
            limit(ResourceName.pendingSignals, 4_096),
            limit(ResourceName.realTimePriority, 0),
            limit(ResourceName.nice, 0),
        ]
        if let time = limits.cpuTime.value {
            // Whole seconds, upwards; five more until SIGKILL, for a program may catch SIGXCPU.
            let seconds = (time.milliseconds + 999) / 1_000
            result.append(limit(ResourceName.cpu, seconds, hard: seconds + 5))
        }
        return result
    }
}
