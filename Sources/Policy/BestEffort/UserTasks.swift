import Foundation
import ShepherdProtocol

/// RLIMIT_NPROC outside of a user namespace of one's own: it counts everything this user runs, so what runs already is added.
enum UserTasks {
    static func countedIn(_ limit: ResourceLimit, host: HostFacts) -> ResourceLimit {
        guard limit.resource == ResourceName.processes else { return limit }
        let most = host.hardLimits[limit.resource] ?? .max
        let (sum, overflow) = limit.soft.addingReportingOverflow(running())
        let bound = min(overflow ? .max : sum, most)
        return ResourceLimit(resource: limit.resource, soft: bound, hard: bound)
    }

    /// Processes and threads of ours; a process's directory belongs to whom it runs as, but for those few that cannot be read.
    private static func running() -> UInt64 {
        DirectoryNames.list("/proc").reduce(0) { count, name in
            var owner = stat()
            guard let first = name.utf8.first, (48...57).contains(first), stat("/proc/\(name)", &owner) == 0,
                owner.st_uid == getuid(),
                let status = try? String(contentsOfFile: "/proc/\(name)/status", encoding: .utf8)
            else { return count }
            return count + (field("Threads:", status) ?? 1)
        }
    }

    private static func field(_ name: String, _ status: String) -> UInt64? {
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(name) }) else { return nil }
        return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { UInt64($0) }
    }
}
