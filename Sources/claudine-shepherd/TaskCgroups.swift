internal import CCage
internal import ShepherdProtocolEmbedded

/// The attempt's cgroups: one of v2, and of v1 one for each controller that is there. The supervisor made and limited them; here
/// they are filled, asked, emptied and removed.
struct TaskCgroups {
    /// The v2 directory for CLONE_INTO_CGROUP; -1 for none.
    let unified: Int32
    /// `tasks` of the v1 directories, for the init to enter.
    let members: [Int32]
    private let unifiedPath: Bytes
    private let controllers: [Bytes]

    static let none = TaskCgroups()

    private init() {
        unified = -1
        members = []
        unifiedPath = []
        controllers = []
    }

    /// - Returns: nil with errno where one of them cannot be opened.
    init?(_ order: CageOrder) {
        unifiedPath = order.cgroup
        controllers = order.controllers
        unified =
            order.cgroup.isEmpty
            ? -1 : ProcReader.open(order.cgroup, below: AT_FDCWD, flags: O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard order.cgroup.isEmpty || unified >= 0 else { return nil }
        var members: [Int32] = []
        for path in order.controllers {
            let file = ProcReader.open(
                path + ProcReader.bytes("/tasks"), below: AT_FDCWD, flags: O_WRONLY | O_CLOEXEC)
            guard file >= 0 else { return nil }
            members.append(file)
        }
        self.members = members
    }

    /// What the cgroup has counted, microseconds: processes that died with the init are in nobody's rusage.
    var cpuTime: UInt64 {
        guard unified >= 0, let stat = ProcReader.read(ProcReader.bytes("cpu.stat"), below: unified),
            let line = ProcReader.field("usage_usec", of: stat)
        else { return 0 }
        return ProcReader.numbers(line).first ?? 0
    }

    /// Whether the kernel has ended a process for want of memory within the limit: `oom_kill` of memory.events (v2) or
    /// memory.oom_control (v1, Linux 4.13).
    var ranOutOfMemory: Bool {
        if unified >= 0, Self.oomKills(ProcReader.read(ProcReader.bytes("memory.events"), below: unified)) {
            return true
        }
        return controllers.contains { path in
            Self.oomKills(ProcReader.read(path + ProcReader.bytes("/memory.oom_control")))
        }
    }

    private static func oomKills(_ contents: Bytes?) -> Bool {
        guard let contents, let line = ProcReader.field("oom_kill ", of: contents) else { return false }
        return (ProcReader.numbers(line).first ?? 0) > 0
    }

    /// Whether something is in the v2 one; what cannot be seen is taken to be empty.
    var isPopulated: Bool {
        guard unified >= 0, let events = ProcReader.read(ProcReader.bytes("cgroup.events"), below: unified),
            let line = ProcReader.field("populated", of: events)
        else { return false }
        return ProcReader.numbers(line).first == 1
    }

    /// SIGKILL to all of it at once (cgroup.kill, Linux 5.14); before that it is kept from forking and running, so that it can be
    /// killed one by one.
    func kill() {
        guard unified >= 0, !tell("cgroup.kill", "1") else { return }
        _ = tell("pids.max", "0")
        _ = tell("cgroup.freeze", "1")
    }

    /// - Returns: false where there is no such file.
    private func tell(_ name: StaticString, _ text: StaticString) -> Bool {
        let file = ProcReader.open(ProcReader.bytes(name), below: unified, flags: O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { _ = close(file) }
        return write(file, text.utf8Start, text.utf8CodeUnitCount) > 0
    }

    /// Once nothing is in them any more.
    mutating func remove() {
        for descriptor in members + [unified] where descriptor >= 0 { _ = close(descriptor) }
        for path in controllers + [unifiedPath] where !path.isEmpty { _ = ProcReader.withPath(path) { rmdir($0) } }
        self = .none
    }
}
