import Glibc

/// A listening socket in the file system that its owner alone can reach: 0600, in a directory that is 0700.
struct SocketFile: Sendable {
    struct Client: Sendable {
        let descriptor: Int32
        let user: uid_t
    }

    private let path: String
    private let descriptor: Int32
    private let inode: ino_t

    /// Bytes of a path (unix(7): `sun_path` has 108, the last of them 0).
    private static let longest = 107

    init(_ path: String) throws(UnixSocketTransport.Unavailable) {
        guard (1...Self.longest).contains(path.utf8.count), !path.utf8.contains(0) else {
            throw Self.unavailable(path, "a socket's path has at most \(Self.longest) bytes")
        }
        self.path = path
        let directory = try Self.lockedDirectory(of: path)
        // The lock goes with it.
        defer { close(directory) }
        try Self.clear(path)
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var facts = stat()
        // A mode that is set before, the file has from its beginning.
        guard listener >= 0, fchmod(listener, 0o600) == 0, Self.withAddress(path, { bind(listener, $0, $1) }) == 0,
            lstat(path, &facts) == 0, listen(listener, 64) == 0
        else {
            let code = errno
            if listener >= 0 { close(listener) }
            throw Self.unavailable(path, "it cannot be listened to", code)
        }
        (descriptor, inode) = (listener, facts.st_ino)
    }

    // MARK: - Clients

    /// Waits for the next client of this user, or root's; others are hung up on.
    ///
    /// - Returns: nil when there will be none any more.
    func accept() -> Client? {
        while true {
            let client = Glibc.accept(descriptor, nil, nil)
            guard client >= 0 else {
                switch errno {
                case EINTR, ECONNABORTED: continue
                case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                    // Until somebody has gone.
                    usleep(100_000)
                    continue
                default:
                    close(descriptor)
                    return nil
                }
            }
            // A child that is started in between keeps nothing alive: in the end the connection is shut down, not only closed.
            _ = fcntl(client, F_SETFD, FD_CLOEXEC)
            if let user = Self.user(behind: client), user == geteuid() || user == 0 {
                return Client(descriptor: client, user: user)
            }
            close(client)
        }
    }

    /// `struct ucred` (unix(7), SO_PEERCRED) is a process, a user and a group, of 32 bits each.
    private static func user(behind client: Int32) -> uid_t? {
        var credentials: [UInt32] = [0, 0, 0]
        var size = socklen_t(12)
        guard getsockopt(client, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0, size == 12 else { return nil }
        return credentials[1]
    }

    /// Whoever waits in `accept` waits no longer.
    func stop() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// Unless another has taken its place.
    func remove() {
        guard let directory = try? Self.lockedDirectory(of: path) else { return }
        defer { close(directory) }
        var facts = stat()
        if lstat(path, &facts) == 0, facts.st_ino == inode { unlink(path) }
    }

    // MARK: - The file

    /// Of two that look whether somebody listens there, one waits for the other.
    private static func lockedDirectory(of path: String) throws(UnixSocketTransport.Unavailable) -> Int32 {
        let parent = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        if mkdir(parent, 0o700) != 0, errno != EEXIST { throw unavailable(path, "\(parent) cannot be made", errno) }
        let directory = open(parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard directory >= 0 else { throw unavailable(path, "\(parent) cannot be used", errno) }
        var facts = stat()
        guard fstat(directory, &facts) == 0, facts.st_uid == geteuid(), facts.st_mode & 0o077 == 0,
            flock(directory, LOCK_EX) == 0
        else {
            close(directory)
            throw unavailable(path, "\(parent) has to be yours, and closed to others: say chmod 700 \(parent)")
        }
        return directory
    }

    /// Takes away what a server has left behind that is no more.
    private static func clear(_ path: String) throws(UnixSocketTransport.Unavailable) {
        var facts = stat()
        guard lstat(path, &facts) == 0 else {
            if errno == ENOENT { return }
            throw unavailable(path, "it cannot be examined", errno)
        }
        guard facts.st_mode & S_IFMT == S_IFSOCK, facts.st_uid == geteuid() else {
            throw unavailable(path, "there is something else already")
        }
        let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard probe >= 0 else { throw unavailable(path, "it cannot be tried", errno) }
        defer { close(probe) }
        guard withAddress(path, { connect(probe, $0, $1) }) != 0, errno == ECONNREFUSED else {
            throw unavailable(path, "somebody serves there already")
        }
        guard unlink(path) == 0 else { throw unavailable(path, "what was left behind there cannot be removed", errno) }
    }

    private static func withAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private static func unavailable(
        _ path: String, _ reason: String, _ code: Int32? = nil
    ) -> UnixSocketTransport.Unavailable {
        let detail = code.map { ": " + String(cString: strerror($0)) } ?? ""
        return UnixSocketTransport.Unavailable(description: "The socket \(path) cannot be used: \(reason)\(detail).")
    }
}
