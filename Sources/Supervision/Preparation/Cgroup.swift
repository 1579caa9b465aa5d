import Glibc
import Store

/// A cgroup v2 of the attempt's own, on top of its PID namespace: `cgroup.kill` ends it at once, and where controllers are
/// delegated the kernel enforces the limits instead of the shepherd.
struct Cgroup {
    let path: String
    /// memory.max could be set: nobody has to sample.
    let limitsMemory: Bool

    /// The cgroup an attempt may have; nothing is made yet.
    ///
    /// - Returns: nil where none may be made, which no policy depends on.
    static func available(task: TaskID, attempt: Int) -> Cgroup? {
        guard let parent = ownDirectory(), access(parent, W_OK) == 0
        else { return nil }
        let delegated = text("\(parent)/cgroup.subtree_control")?.split(whereSeparator: \.isWhitespace) ?? []
        return Cgroup(
            path: "\(parent)/claudine-\(task.text)-\(attempt)", limitsMemory: delegated.contains("memory"))
    }

    /// Makes the directory at `path` with the limits whose controllers are there.
    static func make(_ path: String, memory: UInt64?, processes: Int) throws(SupervisionError) {
        guard mkdir(path, 0o755) == 0 else { throw .file(path, errno) }
        _ = write("\(path)/pids.max", String(processes))
        // Where the controller is there the watchdog was told to stay away: then this must hold.
        guard let memory, access("\(path)/memory.max", F_OK) == 0 else { return }
        // Swapped out is not gone; where there is no swap controller there is nothing to say.
        _ = write("\(path)/memory.swap.max", "0")
        guard write("\(path)/memory.max", String(memory)) else {
            let code = errno
            rmdir(path)
            throw .file("\(path)/memory.max", code)
        }
    }

    /// Ends whatever is in it and removes it; for recovery, after the shepherd that should have.
    static func end(_ path: String) {
        guard access(path, F_OK) == 0 else { return }
        _ = write("\(path)/cgroup.kill", "1")
        for _ in 0..<100 where rmdir(path) != 0 && errno == EBUSY { usleep(5_000) }
    }

    /// Where this process is in the v2 hierarchy, wherever that is mounted (cgroups(7): the entry `0::PATH`).
    private static func ownDirectory() -> String? {
        guard
            let mount = text("/proc/self/mountinfo")?.split(separator: "\n").first(where: { $0.contains(" - cgroup2 ") }
            ),
            let point = mount.split(separator: " ").dropFirst(4).first,
            let entry = text("/proc/self/cgroup")?.split(separator: "\n").first(where: { $0.hasPrefix("0::") })
        else { return nil }
        let own = entry.dropFirst(3)
        return own == "/" ? String(point) : "\(point)\(own)"
    }

    private static func text(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var contents: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while case let count = read(file, &chunk, chunk.count), count > 0 { contents += chunk[..<count] }
        return String(decoding: contents, as: UTF8.self)
    }

    private static func write(_ path: String, _ text: String) -> Bool {
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        return text.withCString { Glibc.write(file, $0, strlen($0)) } > 0
    }
}
