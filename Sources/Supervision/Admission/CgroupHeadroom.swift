import Glibc

/// What the cgroups above us leave: a limit binds in every ancestor, so the smallest headroom counts.
struct CgroupHeadroom {
    /// Stands before the paths of the mounts.
    var root: String
    var membership: CgroupMembership

    private struct Unreadable: Error {}

    /// Memory files of a version. v1 writes "no limit" as the largest multiple of a page in 63 bits.
    private struct MemoryFiles {
        var limits: [String]
        var usage: String
        /// Of memory.stat: what the page cache would give back, this cgroup's descendants included.
        var cache: [String]

        static let unified = MemoryFiles(
            limits: ["memory.max", "memory.high"], usage: "memory.current", cache: ["inactive_file", "active_file"])
        static let legacy = MemoryFiles(
            limits: ["memory.limit_in_bytes"], usage: "memory.usage_in_bytes",
            cache: ["total_inactive_file", "total_active_file"])
    }

    /// Bytes: no machine has more, so a limit of more is none.
    private static let noMemoryLimit: Int64 = 1 << 60

    /// Bytes that may still be used before a cgroup kills or throttles; nil where a limit may exist that cannot be read.
    ///
    /// Page cache that can be given back counts as free, as it does in `MemAvailable`: in a container it fills whatever is left.
    func memory() -> Int64? {
        smallest("memory") { directory, isUnified throws(Unreadable) in
            let files: MemoryFiles = isUnified ? .unified : .legacy
            var limit = Int64.max
            for name in files.limits { limit = min(limit, try number("\(directory)/\(name)") ?? .max) }
            guard limit < Self.noMemoryLimit else { return .max }
            guard let used = try number("\(directory)/\(files.usage)") else { throw Unreadable() }
            return max(0, limit - max(0, used - cache(files, in: directory)))
        }
    }

    /// Processes and threads that may still be made.
    func processes() -> Int64? {
        smallest("pids") { directory, _ throws(Unreadable) in
            guard let limit = try number("\(directory)/pids.max"), limit < .max else { return .max }
            guard let used = try number("\(directory)/pids.current") else { throw Unreadable() }
            return max(0, limit - used)
        }
    }

    private func smallest(
        _ controller: String, _ headroom: (_ directory: String, _ isUnified: Bool) throws(Unreadable) -> Int64
    ) -> Int64? {
        switch membership.standing(for: controller) {
        case .free: return .max
        case .hidden: return nil
        case .at(let place):
            // In a directory that is not there every file is absent, which would pass for "no limit".
            guard access(root + place.directory, F_OK) == 0 else { return nil }
            var smallest = Int64.max
            do throws(Unreadable) {
                for directory in place.wayUp {
                    smallest = min(smallest, try headroom(root + directory, place.isUnified))
                }
            } catch {
                return nil
            }
            return smallest
        }
    }

    /// Nil where there is no such file: the root of a hierarchy and cgroups without the controller have none.
    private func number(_ path: String) throws(Unreadable) -> Int64? {
        switch KernelFile.read(path) {
        case .absent: return nil
        case .unreadable: throw Unreadable()
        case .text(let text):
            guard let number = KernelNumber.parse(text) else { throw Unreadable() }
            return number
        }
    }

    /// Nothing where it is not told, which errs on the safe side.
    private func cache(_ files: MemoryFiles, in directory: String) -> Int64 {
        guard let text = KernelFile.text("\(directory)/memory.stat") else { return 0 }
        var sum: Int64 = 0
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count == 2, files.cache.contains(where: { $0 == fields[0] }),
                let bytes = KernelNumber.parse(fields[1])
            else { continue }
            sum = sum.addingClamped(bytes)
        }
        return sum
    }
}

extension Int64 {
    /// `self + other`, at most `Int64.max`; both at least 0.
    func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
