import Glibc

/// Reads what the machine has left, from the kernel's files and statvfs(2) (study of supervision, D). Load averages are not
/// among it: they still tell of a storm ten minutes after it (E16).
package enum HostSensors {
    /// Takes a millisecond or two, and one more for every ten processes of the machine where this user may not have many. May
    /// block for as long as a file system does: not on a cooperative thread.
    ///
    /// - Parameters:
    ///   - stateDirectory: absolute.
    ///   - workspaces: absolute; one that does not exist is left out, because the task that wants it says so better.
    ///   - root: what stands before the paths of /proc and of the cgroups' mounts; "" is this machine.
    package static func read(stateDirectory: String, workspaces: [String], root: String = "") -> HostReading {
        // Without the first file nobody knows what bounds us; an empty one says that nothing does.
        let cgroups = KernelFile.text("\(root)/proc/self/cgroup").map { own in
            let mounts = KernelFile.text("\(root)/proc/self/mountinfo") ?? ""
            return CgroupHeadroom(root: root, membership: CgroupMembership(own: own, mounts: mounts))
        }
        let limits = KernelFile.text("\(root)/proc/self/limits") ?? ""
        return HostReading(
            availableMemory: availableMemory(KernelFile.text("\(root)/proc/meminfo") ?? ""),
            cgroupMemory: cgroups?.memory(),
            cpuPressure: pressure("\(root)/proc/pressure/cpu"),
            memoryPressure: pressure("\(root)/proc/pressure/memory"),
            ioPressure: pressure("\(root)/proc/pressure/io"),
            disks: disks(stateDirectory, workspaces),
            freeDescriptors: freeDescriptors(limits, root),
            freeProcesses: ProcessHeadroom.read(limits: limits, cgroups: cgroups?.processes(), root: root),
            cores: cores(root))
    }

    /// In bytes; the kernel counts kilobytes of 1024 (proc(5)). Linux before 3.14 has no such line.
    static func availableMemory(_ meminfo: String) -> Int64? {
        guard let kilobytes = KernelNumber.field("MemAvailable", in: meminfo) else { return nil }
        let (bytes, overflow) = kilobytes.multipliedReportingOverflow(by: 1024)
        return overflow ? nil : bytes
    }

    private static func pressure(_ path: String) -> Pressure? {
        KernelFile.text(path).flatMap(Pressure.init(parsing:))
    }

    private static func freeDescriptors(_ limits: String, _ root: String) -> Int64? {
        guard let most = KernelNumber.softLimit("Max open files", in: limits) else { return nil }
        guard let directory = opendir("\(root)/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        // `.` and `..` are not descriptors; the one that looks counts itself, which errs on the safe side.
        var open: Int64 = -2
        while readdir(directory) != nil { open += 1 }
        return max(0, most - open)
    }

    private static func disks(_ stateDirectory: String, _ workspaces: [String]) -> [Disk] {
        var seen: Set<dev_t> = []
        var found: [Disk] = []
        for (index, path) in ([stateDirectory] + workspaces).enumerated() {
            var status = stat()
            if stat(path, &status) == 0 {
                guard seen.insert(status.st_dev).inserted else { continue }
            } else if index > 0, errno == ENOENT || errno == ENOTDIR {
                continue
            }
            found.append(Disk(path: path, space: Disk.Space(of: path)))
        }
        return found
    }

    /// Not the number that the machine has: taskset(1) or a cpuset may leave us fewer, and those that are switched off, or for
    /// which there is only room, are allowed as well.
    private static func cores(_ root: String) -> Int? {
        guard let status = KernelFile.text("\(root)/proc/self/status"),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Cpus_allowed_list:") }),
            let allowed = processors(line.dropFirst("Cpus_allowed_list:".count)),
            let online = KernelFile.text("\(root)/sys/devices/system/cpu/online").flatMap({ processors($0[...]) })
        else { return nil }
        let count = allowed.reduce(0) { sum, range in
            online.reduce(sum) { $0 + ($1.overlaps(range) ? $1.clamped(to: range).count : 0) }
        }
        return count > 0 ? count : nil
    }

    /// Ranges of a list like `0-3,8` (cpuset(7)).
    static func processors(_ list: Substring) -> [ClosedRange<Int64>]? {
        var ranges: [ClosedRange<Int64>] = []
        for part in list.split(separator: ",") {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false)
            guard ends.count <= 2, let first = ends.first.flatMap(KernelNumber.parse),
                let last = ends.last.flatMap(KernelNumber.parse), first <= last, last < 1 << 20
            else { return nil }
            ranges.append(first...last)
        }
        return ranges
    }
}

extension Pressure {
    /// The text of a file below `/proc/pressure`: lines of `some avg10=… avg60=… avg300=… total=…`.
    init?(parsing text: String) {
        var averages: [Substring: Double] = [:]
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard let kind = fields.first, let average = fields.first(where: { $0.hasPrefix("avg10=") }),
                let value = Double(average.dropFirst("avg10=".count)), value >= 0, value.isFinite
            else { return nil }
            averages[kind] = value
        }
        guard let some = averages["some"] else { return nil }
        self.init(some: some, full: averages["full"])
    }
}

extension Disk.Space {
    /// Nil also where a file system does not say how large it is (some in user space): that is not a full one.
    init?(of path: String) {
        var status = statvfs()
        guard statvfs(path, &status) == 0, status.f_blocks > 0 else { return nil }
        let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        self.init(
            freeBytes: overflow ? .max : Int64(clamping: bytes), freeInodes: Int64(clamping: status.f_favail),
            inodes: Int64(clamping: status.f_files))
    }
}
