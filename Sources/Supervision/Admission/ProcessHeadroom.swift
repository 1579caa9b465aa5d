import Glibc

/// How many processes and threads may still be made: fork(2) fails with EAGAIN at the first of these limits.
enum ProcessHeadroom {
    /// Where even all the machine's threads would leave so many, ours are not counted: that reads a file for each process.
    private static let plenty: Int64 = 1024

    /// - Parameters:
    ///   - limits: the text of `/proc/self/limits`.
    ///   - cgroups: what our cgroups leave.
    /// - Returns: at most what is free, and nil where one of the limits cannot be read.
    static func read(limits: String, cgroups: Int64?, root: String) -> Int64? {
        // pid_max and threads-max bound the whole machine, RLIMIT_NPROC the user.
        guard let cgroups, let threads = KernelFile.text("\(root)/proc/loadavg").flatMap(allThreads),
            let numbers = KernelFile.text("\(root)/proc/sys/kernel/pid_max").flatMap(KernelNumber.parse),
            let kernel = KernelFile.text("\(root)/proc/sys/kernel/threads-max").flatMap(KernelNumber.parse),
            let user = KernelNumber.softLimit("Max processes", in: limits)
        else { return nil }
        let others = min(cgroups, max(0, min(numbers, kernel) - threads))
        guard user < .max else { return others }
        guard user - threads < plenty else { return min(others, user - threads) }
        guard let uid = KernelFile.text("\(root)/proc/self/status").flatMap({ KernelNumber.field("Uid", in: $0) })
        else {
            return nil
        }
        // Not enforced for real user 0 (setrlimit(2)).
        guard uid != 0 else { return others }
        guard let own = self.threads(of: uid, root) else { return nil }
        return min(others, max(0, user - own))
    }

    /// The fourth field of `/proc/loadavg`: threads that want to run, a slash, threads that exist.
    static func allThreads(_ loadavg: String) -> Int64? {
        let fields = loadavg.split(whereSeparator: \.isWhitespace)
        guard fields.count > 3 else { return nil }
        let counts = fields[3].split(separator: "/")
        return counts.count == 2 ? KernelNumber.parse(counts[1]) : nil
    }

    /// Threads of all processes whose real user is `uid`. Those that end meanwhile are not counted.
    private static func threads(of uid: Int64, _ root: String) -> Int64? {
        guard let directory = opendir("\(root)/proc") else { return nil }
        defer { closedir(directory) }
        var count: Int64 = 0
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard pid_t(name) != nil, let status = KernelFile.text("\(root)/proc/\(name)/status"),
                KernelNumber.field("Uid", in: status) == uid
            else { continue }
            count = count.addingClamped(KernelNumber.field("Threads", in: status) ?? 1)
        }
        return count
    }
}
