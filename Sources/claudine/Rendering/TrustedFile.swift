import Glibc
import Store

/// Reads configuration, and only what nobody but the user or root can have written.
enum TrustedFile {
    /// Bytes; a configuration of a thousand agents has less.
    private static let largest = 1 << 20

    static func read(_ path: String) throws(Failure) -> String {
        let file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            if errno == ELOOP { throw refusal(path, "is a symbolic link", "a regular file", "symlink") }
            let why = String(cString: strerror(errno))
            throw refusal(path, "cannot be opened: \(why)", "a readable file", why)
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw refusal(path, "is not a regular file", "a regular file", "something else")
        }
        guard status.st_uid == geteuid() || status.st_uid == 0 else {
            throw refusal(path, "belongs to somebody else", "owned by you or root", "user \(status.st_uid)")
        }
        guard status.st_mode & 0o022 == 0 else {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw refusal(
                path, "can be written by others", "mode without group or world write", mode, "chmod go-w \(path)")
        }
        guard status.st_size <= largest else {
            throw refusal(path, "is too long", "at most \(largest) bytes", "\(status.st_size) bytes")
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while case let count = Glibc.read(file, &chunk, chunk.count), count != 0 {
            guard count > 0 else {
                let why = String(cString: strerror(errno))
                throw refusal(path, "cannot be read: \(why)", "a readable file", why)
            }
            bytes += chunk[..<count]
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw refusal(path, "is not UTF-8", "UTF-8 text", "other bytes")
        }
        return text
    }

    private static func refusal(
        _ path: String, _ problem: String, _ bound: String, _ found: String, _ hint: String? = nil
    ) -> Failure {
        Failure(
            "refused.config", "\(path) \(problem).", hint: hint,
            detail: ["file": .string(path), "bound": .string(bound), "found": .string(found)],
            exitCode: ExitCodes.configuration)
    }
}
