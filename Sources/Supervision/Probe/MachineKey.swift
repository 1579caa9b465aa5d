import CCage
import Glibc
import Store

/// What an answer about this machine depends on; another key, another answer.
struct MachineKey: Equatable {
    let text: String

    /// - Parameter shepherd: its path; another build may do something else, and a profile of AppArmor goes by the path.
    init(shepherd: String) throws(StoreError) {
        var system = utsname()
        uname(&system)
        let release = withUnsafeBytes(of: system.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        var parts = [try Host.bootID(), release, String(geteuid()), String(getegid())]
        for space in ["user", "mnt", "pid", "net"] { parts.append(Self.inode("/proc/self/ns/\(space)")) }
        parts.append(Self.seccompMode())
        for name in Self.switches { parts.append(Self.line("/proc/sys/\(name)") ?? "-") }
        var status = stat()
        let known = stat(shepherd, &status) == 0
        parts += [shepherd, known ? "\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)" : "-"]
        text = parts.joined(separator: " ")
    }

    /// What an administrator changes without a new boot.
    private static let switches = [
        "user/max_user_namespaces", "kernel/apparmor_restrict_unprivileged_userns", "kernel/unprivileged_userns_clone",
    ]

    private static func inode(_ path: String) -> String {
        var status = stat()
        return stat(path, &status) == 0 ? String(status.st_ino) : "-"
    }

    /// `Seccomp` and `Seccomp_filters` of our own: a container's filter is inherited by all we start.
    private static func seccompMode() -> String {
        // Reading the file takes longer than all the rest together.
        guard cage_seccomp_mode() != 0 else { return "none" }
        let status = SmallFile.read("/proc/self/status") ?? ""
        let lines = status.split(separator: "\n").filter { $0.hasPrefix("Seccomp") }
        return lines.map { $0.filter { !$0.isWhitespace } }.joined(separator: ",")
    }

    private static func line(_ path: String) -> String? {
        SmallFile.read(path)?.split(separator: "\n").first.map(String.init)
    }
}

/// Files of some kilobytes.
enum SmallFile {
    /// Up to 16 KiB; nil where it cannot be read.
    static func read(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else { return nil }
        defer { close(file) }
        return withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 1) { buffer in
            var filled = 0
            while filled < buffer.count {
                let count = Glibc.read(file, buffer.baseAddress?.advanced(by: filled), buffer.count - filled)
                guard count > 0 else { break }
                filled += count
            }
            return String(decoding: buffer[..<filled], as: UTF8.self)
        }
    }
}
