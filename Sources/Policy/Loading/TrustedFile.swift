import Foundation

/// Reads a policy or configuration file, and only what nobody but the user or root can have written.
package enum TrustedFile {
    /// Bytes; a policy has about 3 KiB, a configuration of a thousand agents less than this.
    static let largest = 256 << 10

    /// The text of a regular file that is no symlink, that belongs to the user or root, and that nobody else can write or
    /// put another in the place of.
    ///
    /// - Throws: `refused.config` with the file, the bound and what was found.
    package static func read(_ path: String) throws(PolicyError) -> String {
        // O_NONBLOCK, for a FIFO in that place must not stop us.
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let code = errno
            guard code != ELOOP else {
                throw refusal(
                    path, "is a symbolic link", bound: "a regular file", found: "symlink",
                    hint: "name the file itself, or copy it here")
            }
            throw refusal(
                path, "cannot be opened: \(String(cString: strerror(code)))", bound: "a readable file",
                found: String(cString: strerror(code)))
        }
        defer { close(descriptor) }
        try check(path, descriptor)
        try checkDirectory(of: path)
        return try text(contents(of: descriptor, path), of: path)
    }

    /// Everything in a regular file, at most `largest` bytes.
    static func contents(of descriptor: Int32, _ path: String) throws(PolicyError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= largest {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count == 0 { break }
            guard count > 0 else {
                if errno == EINTR { continue }
                let reason = String(cString: strerror(errno))
                throw refusal(path, "cannot be read: \(reason)", bound: "a readable file", found: reason)
            }
            bytes += chunk[..<count]
        }
        guard bytes.count <= largest else {
            throw refusal(path, "is too long", bound: "at most \(largest) bytes", found: "more")
        }
        return bytes
    }

    static func text(_ bytes: [UInt8], of path: String) throws(PolicyError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw refusal(path, "is not UTF-8", bound: "UTF-8 text", found: "other bytes")
        }
        return text
    }

    static func checkKind(_ path: String, _ descriptor: Int32) throws(PolicyError) -> stat {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let reason = String(cString: strerror(errno))
            throw refusal(path, "cannot be examined: \(reason)", bound: "a regular file", found: reason)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw refusal(path, "is not a regular file", bound: "a regular file", found: "another kind of file")
        }
        return status
    }

    private static func check(_ path: String, _ descriptor: Int32) throws(PolicyError) {
        let status = try checkKind(path, descriptor)
        guard status.st_uid == geteuid() || status.st_uid == 0 else {
            throw refusal(
                path, "belongs to uid \(status.st_uid)", bound: "owned by uid \(geteuid()) or root",
                found: "uid \(status.st_uid)", hint: "copy it, so that it is yours")
        }
        guard status.st_mode & 0o022 == 0 else {
            throw refusal(
                path, "can be written by others", bound: "not group- or world-writable",
                found: "mode " + String(status.st_mode & 0o777, radix: 8), hint: "chmod go-w \(path)")
        }
    }

    /// Whoever can write the directory can put another file there; with the sticky bit only the file's owner can.
    private static func checkDirectory(of path: String) throws(PolicyError) {
        let parent = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let directory = parent.isEmpty ? "/" : parent
        var status = stat()
        guard stat(directory, &status) == 0 else {
            let reason = String(cString: strerror(errno))
            throw refusal(
                path, "lies in a directory that cannot be examined: \(reason)", bound: "a directory", found: reason)
        }
        guard status.st_uid == geteuid() || status.st_uid == 0 else {
            throw refusal(
                path, "lies in \(directory), which belongs to uid \(status.st_uid)",
                bound: "in a directory of uid \(geteuid()) or root", found: "uid \(status.st_uid)",
                hint: "copy it to a directory of your own")
        }
        guard status.st_mode & 0o022 == 0 || status.st_mode & S_ISVTX != 0 else {
            throw refusal(
                path, "lies in \(directory), which others can write",
                bound: "in a directory that is not group- or world-writable",
                found: "mode " + String(status.st_mode & 0o777, radix: 8), hint: "chmod go-w \(directory)")
        }
    }

    static func refusal(
        _ path: String, _ message: String, bound: String, found: String, hint: String? = nil
    ) -> PolicyError {
        PolicyError(
            .config, "\(path): the file \(message)", hint: hint,
            detail: ["file": path, "line": "1", "key": "", "bound": bound, "found": found])
    }
}
