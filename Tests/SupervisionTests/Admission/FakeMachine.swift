import Foundation

/// Files where a machine has its own, for the sensors to read; gone when the test is over.
final class FakeMachine {
    let root: String

    /// A machine with everything: 8 GiB available, no pressure, cgroups of v2 without limits.
    init() throws {
        var template = Array("/tmp/claudine-machine-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw POSIXError(.EIO) }
        root = String(decoding: template.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        try write(
            "/proc/meminfo", "MemTotal: 16384000 kB\nMemFree: 100 kB\nMemAvailable:    8388608 kB\nCached: 7 kB\n")
        for resource in ["cpu", "memory", "io"] { try pressure(resource, some: "0.00", full: "0.00") }
        try write("/proc/self/cgroup", "0::/a/b\n")
        try write("/proc/self/mountinfo", Self.unified)
        try write(
            "/proc/self/status",
            "Name:\tclaudine\nUid:\t1000\t1000\t1000\t1000\nThreads:\t4\nCpus_allowed_list:\t0-127\n")
        try write("/sys/devices/system/cpu/online", "0-3,8\n")
        try limits(files: "1024", processes: "unlimited")
        for descriptor in 0..<10 { try write("/proc/self/fd/\(descriptor)", "") }
        try write("/proc/loadavg", "0.10 0.20 0.30 2/300 12345\n")
        try write("/proc/sys/kernel/pid_max", "32768\n")
        try write("/proc/sys/kernel/threads-max", "20000\n")
        try makeDirectory("/cgroup/a/b")
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    static let unified = """
        22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
        31 22 0:28 / /cgroup rw,nosuid shared:4 master:2 - cgroup2 cgroup2 rw,nsdelegate

        """

    func write(_ path: String, _ text: String) throws {
        try makeDirectory((path as NSString).deletingLastPathComponent)
        try Data(text.utf8).write(to: URL(fileURLWithPath: root + path))
    }

    func makeDirectory(_ path: String) throws {
        try FileManager.default.createDirectory(atPath: root + path, withIntermediateDirectories: true)
    }

    func remove(_ path: String) throws { try FileManager.default.removeItem(atPath: root + path) }

    /// One that is there and cannot be read: a directory gives EISDIR, also to root.
    func spoil(_ path: String) throws {
        try? remove(path)
        try makeDirectory(path)
    }

    func pressure(_ resource: String, some: String, full: String?) throws {
        let rest = "avg60=1.00 avg300=2.00 total=12345"
        try write(
            "/proc/pressure/\(resource)",
            "some avg10=\(some) \(rest)\n" + (full.map { "full avg10=\($0) \(rest)\n" } ?? ""))
    }

    func limits(files: String, processes: String) throws {
        try write(
            "/proc/self/limits",
            """
            Limit                     Soft Limit           Hard Limit           Units     
            Max cpu time              unlimited            unlimited            seconds   
            Max processes             \(processes)                96365                processes 
            Max open files            \(files)                1048576              files     

            """)
    }
}
