import Glibc

/// What the kernel says about this machine and this process.
package enum Host {
    package static func name() -> String {
        // HOST_NAME_MAX is 64 on Linux.
        var bytes = [CChar](repeating: 0, count: 65)
        guard gethostname(&bytes, bytes.count - 1) == 0 else { return "localhost" }
        return String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Different after every boot.
    package static func bootID() throws(StoreError) -> String {
        let text = try contents("/proc/sys/kernel/random/boot_id")
        return String(text.prefix { $0 != "\n" })
    }

    package static func thisProcess() throws(StoreError) -> ProcessIdentity {
        guard let startTime = startTime(of: getpid()) else { throw unreadable("/proc/self/stat") }
        return ProcessIdentity(pid: getpid(), startTime: startTime)
    }

    /// Clock ticks after boot; nil where there is no such process.
    package static func startTime(of pid: Int32) -> Int64? {
        // The name may contain spaces and parentheses; everything after the last one is numbers. Field 22 of proc(5).
        guard let text = try? contents("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        return fields.count > 19 ? Int64(fields[19]) : nil
    }

    private static func contents(_ path: String) throws(StoreError) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw unreadable(path) }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(file, &bytes, bytes.count)
        guard count > 0 else { throw unreadable(path) }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    private static func unreadable(_ path: String) -> StoreError {
        StoreError(.io, "\(path) cannot be read.", hint: "Claudine needs /proc to be mounted.")
    }
}
