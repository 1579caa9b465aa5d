import CCage
import Glibc

/// Finds an attempt's processes by the nonce in their environment: how emptiness is proved when a shepherd did not live to tell.
enum NonceSweep {
    /// In the environment of every worker; its value is the attempt's nonce in hexadecimal.
    static let variable = "CLAUDINE_NONCE"

    static func text(_ nonce: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: nonce.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// Ends what carries `nonce` until two passes in a row find nothing, because a process may be born during a pass.
    ///
    /// - Returns: how many were ended; nil when some are left after `deadline` nanoseconds of CLOCK_BOOTTIME from now.
    static func end(nonce: [UInt8], deadline: UInt64 = 15_000_000_000) -> Int? {
        let limit = cage_boottime() + deadline
        var ended = 0
        var clean = 0
        while clean < 2 {
            let found = processes(with: nonce)
            clean = found.isEmpty ? clean + 1 : 0
            for pid in found {
                // The pidfd is taken before the second look, so that a number used again is not what gets the signal.
                let pidfd = cage_pidfd_open(pid)
                // Without pidfds (Linux 5.3, or a filter around us) the look just before has to do.
                guard pidfd >= 0 || errno != ESRCH else { continue }
                defer { if pidfd >= 0 { close(pidfd) } }
                guard carries(pid, needle(nonce)) else { continue }
                let sent = pidfd >= 0 && cage_pidfd_signal(pidfd, SIGKILL, false) == 0 || kill(pid, SIGKILL) == 0
                if sent { ended += 1 }
            }
            if !found.isEmpty {
                guard cage_boottime() < limit else { return nil }
                usleep(5_000)
            }
        }
        return ended
    }

    /// Live processes (zombies have no environment) that this user may look into.
    static func processes(with nonce: [UInt8]) -> [pid_t] {
        guard let directory = opendir("/proc") else { return [] }
        defer { closedir(directory) }
        let needle = needle(nonce)
        var found: [pid_t] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let pid = pid_t(name), carries(pid, needle) else { continue }
            found.append(pid)
        }
        return found
    }

    private static func needle(_ nonce: [UInt8]) -> [UInt8] { Array("\(variable)=\(text(nonce))".utf8) }

    private static func carries(_ pid: pid_t, _ needle: [UInt8]) -> Bool {
        let file = open("/proc/\(pid)/environ", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        var contents: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while contents.count < 4 << 20 {
            let count = read(file, &chunk, chunk.count)
            guard count > 0 else { break }
            contents.append(contentsOf: chunk[..<count])
        }
        return contents.split(separator: 0).contains { $0.elementsEqual(needle) }
    }
}
