import Glibc

/// Reads a file that holds a secret, if only its owner can.
enum SecretFile {
    /// A key is about 100 bytes; more than this is another file.
    static let maximumBytes = 16 * 1024

    /// - Throws: `GatewayError.credential` unless `path` is a regular file (no symbolic link) that belongs to the
    ///   user and that neither group nor others may touch.
    static func read(_ path: String) throws(GatewayError) -> String {
        func refusal(_ problem: String, _ fix: String) -> GatewayError {
            .credential(origin: path, problem: problem, fix: fix)
        }
        // O_NONBLOCK: opening a FIFO must not wait for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw errno == ELOOP
                ? refusal("it is a symbolic link", "name the file itself")
                : refusal(String(cString: strerror(errno)), "check the path and its permissions")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw refusal(String(cString: strerror(errno)), "check the file")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw refusal("it is not a regular file", "name a regular file")
        }
        guard status.st_uid == geteuid() else {
            throw refusal("it belongs to another user", "use a file of your own")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw refusal("others may read or write it", "chmod 600 \(path)")
        }
        guard status.st_size <= maximumBytes else {
            throw refusal("it is larger than \(maximumBytes) bytes", "put only the key there")
        }
        guard let bytes = readAll(descriptor, limit: maximumBytes) else {
            throw refusal(String(cString: strerror(errno)), "check the file")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The first `limit` bytes of a descriptor, or `nil` with `errno` set.
    static func readAll(_ descriptor: CInt, limit: Int) -> [UInt8]? {
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while content.count < limit {
            let count = Glibc.read(descriptor, &chunk, min(chunk.count, limit - content.count))
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                return nil
            }
            content.append(contentsOf: chunk[..<count])
        }
        return content
    }
}
