internal import CCage
internal import ShepherdProtocolEmbedded

/// The processes of an attempt that has no PID namespace: whatever descends from the shepherd.
///
/// A child subreaper gets every orphan below it, so that no double fork and no new session leads out of the tree (prctl(2),
/// PR_SET_CHILD_SUBREAPER). Nothing else holds it together: the tree is ended by looking, not by the kernel.
struct Tree {
    struct Member {
        var pid: Int32
        var parent: Int32
        /// The letter of proc(5).
        var state: UInt8
        /// Field 22 of /proc/PID/stat: with the pid the identity of a process.
        var started: UInt64
        /// A process whose first thread has left shows as a zombie while its other threads run.
        var threads: UInt64

        var isDead: Bool { (state == UInt8(ascii: "Z") && threads <= 1) || state == UInt8(ascii: "X") }
        var isStopped: Bool { state == UInt8(ascii: "T") || state == UInt8(ascii: "t") }
    }

    /// The worker; unreaped until the tree is empty, so that its pid and its group stay its own.
    let leader: Int32
    private let me = getpid()
    private var cleanPasses = 0

    init(leader: Int32) { self.leader = leader }

    /// Processes that are alive, the leader among them.
    func living() -> [Member] { members().filter { !$0.isDead } }

    /// How many are alive besides the leader.
    func survivors() -> UInt32 { UInt32(living().count { $0.pid != leader }) }

    /// The leader's end as waitid(2) tells it, nil while it lives.
    func leaderEnd() -> ProcessEnd? {
        var code: Int32 = 0
        var status: Int32 = 0
        guard cage_has_ended(leader, &code, &status) == 1 else { return nil }
        return code == Int32(CLD_EXITED)
            ? .exited(code: UInt8(truncatingIfNeeded: status)) : .signalled(UInt8(truncatingIfNeeded: status))
    }

    /// Orphans that have come to us and died; cheap, for every SIGCHLD while the leader lives.
    func reapOrphans() {
        while case let pid = cage_dead_child(leader), pid > 0 { _ = waitpid(pid, nil, 0) }
    }

    /// One step towards the empty tree: what runs is stopped first and loses the right to fork; only when all stands still,
    /// or will not stand still for long, it is killed. Killing alone frees the slots that a storm of forks refills.
    mutating func sweep() {
        for _ in 0..<Self.patience {
            let moving = living().filter { !$0.isStopped }
            if moving.isEmpty { break }
            for member in moving { hold(member) }
        }
        for member in living() { signal(member, SIGKILL) }
    }

    /// - Parameter nonce: of the attempt; what carries it in its environment belongs to it, wherever it descends from.
    /// - Returns: true once nothing is left: no child but the dead leader, and no bearer of the nonce in two passes in a row.
    mutating func isEmpty(nonce: Bytes) -> Bool {
        var left = false
        for member in members() where member.pid != leader || !member.isDead {
            left = true
            if member.isDead, member.parent == me { _ = waitpid(member.pid, nil, Int32(WNOHANG)) }
        }
        guard !left, leaderEnd() != nil else {
            cleanPasses = 0
            return false
        }
        while cleanPasses < 2 {
            guard NonceSearch.end(nonce) == 0 else {
                cleanPasses = 0
                return false
            }
            cleanPasses += 1
        }
        return true
    }

    // MARK: Doing

    /// Looks before all are killed regardless.
    private static let patience = 8

    /// The limit comes first: what is not stopped by the signal at once still starts nothing more.
    private func hold(_ member: Member) {
        _ = cage_forbid_forks(member.pid)
        signal(member, SIGSTOP)
    }

    private func signal(_ member: Member, _ number: Int32) {
        ProcessSignal.send(number, to: member.pid) { ProcReader.startTime(of: member.pid) == member.started }
    }

    // MARK: Looking

    /// Everything below the shepherd, dead or alive.
    private func members() -> [Member] {
        // The usual case costs two reads: whoever has left the leader is our child, and there is none.
        if let children = Self.children(of: me), children == [UInt64(UInt32(bitPattern: leader))] {
            let member = Self.member(leader)
            if let member, member.isDead { return [member] }
        }
        var all = Self.processes()
        var family: [Int32] = [me]
        var found: [Member] = []
        // Parents first: each round finds the children of the last.
        while true {
            var rest: [Member] = []
            var next: [Int32] = []
            for process in all {
                if Self.contains(family, process.parent) {
                    found.append(process)
                    next.append(process.pid)
                } else {
                    rest.append(process)
                }
            }
            if next.isEmpty { return found }
            all = rest
            family = next
        }
    }

    /// nil where the kernel does not tell (CONFIG_PROC_CHILDREN). The shepherd has one thread.
    private static func children(of pid: Int32) -> [UInt64]? {
        var path = ProcReader.path(pid, "/task/")
        path.append(contentsOf: ProcReader.decimal(UInt64(UInt32(bitPattern: pid))))
        path.append(contentsOf: ProcReader.bytes("/children"))
        return ProcReader.read(path).map { ProcReader.numbers($0) }
    }

    /// /proc lists processes by number, so `sorted` is in order.
    private static func contains(_ sorted: [Int32], _ pid: Int32) -> Bool {
        var low = 0
        var high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] == pid { return true }
            if sorted[middle] < pid { low = middle + 1 } else { high = middle }
        }
        return false
    }

    private static func processes() -> [Member] {
        var found: [Member] = []
        ProcReader.forEachProcess { pid in
            if let member = member(pid) { found.append(member) }
        }
        return found
    }

    /// Fields 3, 4, 20 and 22 of /proc/PID/stat, counted after the last ')' of a name the process may have chosen itself.
    private static func member(_ pid: Int32) -> Member? {
        guard let stat = ProcReader.read(ProcReader.path(pid, "/stat")) else { return nil }
        var cursor = stat.count - 1
        while cursor > 0, stat[cursor] != UInt8(ascii: ")") { cursor -= 1 }
        guard cursor > 0, cursor + 2 < stat.count else { return nil }
        // From field 4 on there are only numbers, so that field N is at N - 4.
        let numbers = ProcReader.numbers(Bytes(stat[(cursor + 3)...]))
        guard numbers.count > 18 else { return nil }
        return Member(
            pid: pid, parent: Int32(truncatingIfNeeded: numbers[0]), state: stat[cursor + 2], started: numbers[18],
            threads: numbers[16])
    }
}

/// A signal to one process and no other.
enum ProcessSignal {
    /// The pidfd is taken before the second look, so that a number used again is not what gets the signal. Where there are no
    /// pidfds (Linux 5.3, or a filter around us) the look just before has to do: nothing must be left alive for want of one.
    static func send(_ number: Int32, to pid: Int32, ifStill isMeant: () -> Bool) {
        let pidfd = cage_pidfd_open(pid)
        defer { if pidfd >= 0 { _ = close(pidfd) } }
        guard pidfd >= 0 || cage_errno() != ESRCH, isMeant() else { return }
        if pidfd < 0 || cage_pidfd_signal(pidfd, number, false) < 0 { _ = kill(pid, number) }
    }
}

/// Bearers of an attempt's nonce among all processes of this user.
enum NonceSearch {
    /// Kills what carries the nonce.
    ///
    /// - Returns: how many were found.
    static func end(_ nonce: Bytes) -> Int {
        let needle = ProcReader.bytes("CLAUDINE_NONCE=") + hexadecimal(nonce)
        var found = 0
        ProcReader.forEachProcess { pid in
            guard pid != getpid(), carries(pid, needle) else { return }
            found += 1
            ProcessSignal.send(SIGKILL, to: pid) { carries(pid, needle) }
        }
        return found
    }

    private static func hexadecimal(_ nonce: Bytes) -> Bytes {
        var text = Bytes()
        for byte in nonce {
            for digit in [byte >> 4, byte & 15] {
                text.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            }
        }
        return text
    }

    /// Whether one of the NUL-terminated entries of /proc/PID/environ is `needle`; the largest that exec takes is 6 MiB.
    private static func carries(_ pid: Int32, _ needle: Bytes) -> Bool {
        let file = ProcReader.open(ProcReader.path(pid, "/environ"), below: AT_FDCWD, flags: O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { _ = close(file) }
        // How much of the needle the bytes before have matched; -1 until the entry's end once they do not.
        var matched = 0
        return withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { piece in
            while true {
                let count = CCage.read(file, piece.baseAddress, piece.count)
                if count < 0, cage_errno() == EINTR { continue }
                guard count > 0 else { return matched == needle.count }
                for index in 0..<count {
                    let byte = piece[index]
                    if byte == 0 {
                        if matched == needle.count { return true }
                        matched = 0
                    } else if matched >= 0 {
                        matched = matched < needle.count && byte == needle[matched] ? matched + 1 : -1
                    }
                }
            }
        }
    }
}
