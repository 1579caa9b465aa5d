import Glibc
import Policy
import Store

/// The cgroups of one attempt, on top of its PID namespace: `cgroup.kill` ends a v2 one at once, and where a controller is
/// delegated (v2) or root may use it (v1) the kernel keeps a limit instead of the shepherd.
struct Cgroups: Equatable {
    /// The v2 directory.
    var unified: String?
    /// The controllers that are delegated to children of our own v2 cgroup.
    var delegated: Set<String> = []
    /// Directories of v1's controllers.
    var legacyMemory: String?
    var legacyCPU: String?

    /// The v2 one has cgroup.kill (Linux 5.14), which nothing in it escapes.
    var endsAll = false

    /// Every directory, absolute.
    var paths: [String] { [unified].compactMap(\.self) + legacy }
    /// Those of v1.
    var legacy: [String] { [legacyMemory, legacyCPU].compactMap(\.self) }
    /// Nobody has to sample.
    var limitsMemory: Bool { unified != nil && delegated.contains("memory") || legacyMemory != nil }

    /// A cap of the attempt's own, whatever else this user runs.
    var limitsProcesses: Bool { unified != nil && delegated.contains("pids") }

    /// What an attempt may have; nothing is made yet, and no policy depends on it.
    static func available(task: TaskID, attempt: Int, for policy: Policy) -> Cgroups {
        let name = "claudine-\(task.text)-\(attempt)"
        let membership = CgroupMembership(
            own: text("/proc/self/cgroup") ?? "", mounts: text("/proc/self/mountinfo") ?? "")
        var found = Cgroups()
        if let parent = membership.unified()?.directory, access(parent, W_OK) == 0 {
            found.unified = "\(parent)/\(name)"
            // Those of a child belong to whoever makes it; the root of the hierarchy has none.
            found.endsAll = access("\(parent)/cgroup.kill", F_OK) == 0
            found.delegated = Set(
                (text("\(parent)/cgroup.subtree_control") ?? "").split(whereSeparator: \.isWhitespace).map(String.init))
        }
        // A controller is in one of the two hierarchies, never in both.
        func legacy(_ controller: String, isWanted: Bool) -> String? {
            guard isWanted, !found.delegated.contains(controller),
                let parent = membership.legacy(controller)?.directory, access(parent, W_OK) == 0
            else { return nil }
            return "\(parent)/\(name)"
        }
        found.legacyMemory = legacy("memory", isWanted: policy.limits.memory.value != nil)
        found.legacyCPU = legacy("cpu", isWanted: policy.limits.cpuWeight != usualWeight)
        return found
    }

    /// The default of cpu.weight (Documentation/admin-guide/cgroup-v2.rst).
    private static let usualWeight = 100

    /// Makes the directories with the limits whose controllers are there.
    func make(for limits: Policy.Limits) throws(SupervisionError) {
        if let unified {
            try Self.makeDirectory(unified)
            _ = Self.write("\(unified)/pids.max", String(limits.processes))
            _ = Self.write("\(unified)/cpu.weight", String(limits.cpuWeight))
            if delegated.contains("memory"), let memory = limits.memory.value {
                // Swapped out is not gone; where there is no swap controller there is nothing to say.
                _ = Self.write("\(unified)/memory.swap.max", "0")
                _ = Self.write("\(unified)/memory.oom.group", "1")
                try limit("\(unified)/memory.max", memory.bytes)
            }
        }
        if let memory = legacyMemory, let bound = limits.memory.value {
            try Self.makeDirectory(memory)
            try limit("\(memory)/memory.limit_in_bytes", bound.bytes)
            _ = Self.write("\(memory)/memory.memsw.limit_in_bytes", String(bound.bytes))
        }
        if let cpu = legacyCPU {
            try Self.makeDirectory(cpu)
            // 1024 shares are what 100 of weight are (systemd.resource-control(5)).
            _ = Self.write("\(cpu)/cpu.shares", String(max(2, limits.cpuWeight * 1024 / Self.usualWeight)))
        }
    }

    /// The watchdog was told to stay away: this must hold.
    private func limit(_ file: String, _ bytes: UInt64) throws(SupervisionError) {
        guard !Self.write(file, String(bytes)) else { return }
        let code = errno
        for path in paths { rmdir(path) }
        throw .file(file, code)
    }

    private static func makeDirectory(_ path: String) throws(SupervisionError) {
        guard mkdir(path, 0o755) == 0 else { throw .file(path, errno) }
    }

    /// Ends whatever is in a cgroup and removes it; for recovery, after the shepherd that should have.
    static func end(_ path: String) {
        guard access(path, F_OK) == 0 else { return }
        _ = write("\(path)/cgroup.kill", "1")
        for _ in 0..<100 where rmdir(path) != 0 && errno == EBUSY { usleep(5_000) }
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
