import CCage
import Glibc
import Store
import Synchronization

/// What a dead shepherd leaves where no PID namespace ends it: its orphans come to this process, and are ended by it.
///
/// They are found by descent, so that a changed environment does not hide them from it as it does from the nonce's sweep.
enum OrphanSweep {
    /// Shepherds that are alive as far as we know, of whatever level; what descends from them is theirs.
    private static let shepherds = Mutex<Set<pid_t>>([])

    /// Starts a shepherd; no sweep finds it before it is known to be one.
    ///
    /// - Parameter start: returns its pid, 0 for none.
    static func sparing(_ start: () -> pid_t) {
        shepherds.withLock { known in
            let pid = start()
            if pid > 0 { known.insert(pid) }
        }
    }

    /// It is dead, or not waited for any more.
    static func forget(_ shepherd: pid_t) { shepherds.withLock { _ = $0.remove(shepherd) } }

    /// From now on orphans below this process come to it (prctl(2), PR_SET_CHILD_SUBREAPER), and a worker of the same user cannot
    /// read it where nothing else keeps it from that (PR_SET_DUMPABLE).
    static func adopt() {
        _ = cage_become_subreaper()
        _ = cage_become_unreadable()
    }

    /// Kills what a dead shepherd has left, until nothing is left of it.
    ///
    /// - Parameters:
    ///   - shepherd: the dead one; it stays unreaped.
    ///   - deadline: nanoseconds of CLOCK_BOOTTIME from now.
    /// - Returns: false when some are left after that.
    static func sweep(after shepherd: pid_t, deadline: UInt64 = 15_000_000_000) -> Bool {
        let limit = cage_boottime() + deadline
        while true {
            let left = orphans(besides: shepherd)
            if left.isEmpty { return true }
            // What forks while others are killed refills their places: first nothing may start any more.
            for process in left where process.state != "Z" { _ = cage_forbid_forks(process.pid) }
            for process in left {
                if process.state == "Z" {
                    if process.parent == getpid() { waitpid(process.pid, nil, Int32(WNOHANG)) }
                    continue
                }
                let pidfd = cage_pidfd_open(process.pid)
                // Without pidfds (Linux 5.3, or a filter around us) the look just before has to do.
                guard pidfd >= 0 || errno != ESRCH else { continue }
                defer { if pidfd >= 0 { close(pidfd) } }
                // The number may belong to another by now.
                guard Host.startTime(of: process.pid) == process.started else { continue }
                if pidfd < 0 || cage_pidfd_signal(pidfd, SIGKILL, false) < 0 { kill(process.pid, SIGKILL) }
            }
            guard cage_boottime() < limit else { return false }
            usleep(5_000)
        }
    }

    private struct Process {
        var pid: pid_t
        var parent: pid_t
        var state: Character
        var started: Int64
    }

    /// Everything below this process that is no living shepherd and does not descend from one.
    private static func orphans(besides dead: pid_t) -> [Process] {
        let all = shepherds.withLock { known in processes().filter { !known.contains($0.pid) && $0.pid != dead } }
        var family: Set<pid_t> = [getpid(), dead]
        var found: [Process] = []
        while true {
            let next = all.filter { family.contains($0.parent) }
            if next.isEmpty { return found }
            found += next
            family = Set(next.map(\.pid))
        }
    }

    private static func processes() -> [Process] {
        guard let directory = opendir("/proc") else { return [] }
        defer { closedir(directory) }
        var found: [Process] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let pid = pid_t(name), let stat = SmallFile.read("/proc/\(name)/stat"),
                let end = stat.lastIndex(of: ")")
            else { continue }
            // Fields 3, 4 and 22 of proc(5), counted behind the name.
            let fields = stat[stat.index(after: end)...].split(separator: " ")
            guard fields.count > 19, let state = fields[0].first, let parent = pid_t(fields[1]),
                let started = Int64(fields[19])
            else { continue }
            found.append(Process(pid: pid, parent: parent, state: state, started: started))
        }
        return found
    }
}
