import Glibc

/// A file that holds a bearer token and nothing else, for its owner alone.
public struct TokenFile: Sendable {
    public let path: String

    public init(_ path: String) { self.path = path }

    /// What is wrong with the file, in words for people.
    public struct Unusable: Error, Equatable, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// Reads the token; where there is no file, makes one of 256 random bits first.
    public func token() throws(Unusable) -> BearerToken {
        if let token = try read() { return token }
        try make()
        guard let token = try read() else { throw unusable("it is gone as soon as it is made") }
        return token
    }

    /// Nil when there is no file.
    private func read() throws(Unusable) -> BearerToken? {
        // What waits for a writer, as a FIFO would, is refused below instead.
        let file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else {
            switch errno {
            case ENOENT: return nil
            case ELOOP: throw unusable("it is a symbolic link")
            case let code: throw unusable("it cannot be opened", code)
            }
        }
        defer { close(file) }
        var facts = stat()
        guard fstat(file, &facts) == 0 else { throw unusable("it cannot be examined", errno) }
        guard facts.st_mode & S_IFMT == S_IFREG else { throw unusable("it is no regular file") }
        guard facts.st_uid == geteuid() else { throw unusable("it belongs to user \(facts.st_uid), not to you") }
        guard facts.st_mode & 0o077 == 0 else {
            let mode = String(facts.st_mode & 0o777, radix: 8)
            throw unusable("others may use it (its mode is 0\(mode)): say chmod 600 \(path)")
        }
        var bytes = [UInt8](repeating: 0, count: Self.most + 1)
        let count = Glibc.read(file, &bytes, bytes.count)
        guard count >= 0 else { throw unusable("it cannot be read", errno) }
        let text = String(decoding: bytes[..<count], as: UTF8.self).drop(while: \.isWhitespace)
        let end = text.lastIndex { !$0.isWhitespace }.map(text.index(after:)) ?? text.startIndex
        guard count <= Self.most, let token = BearerToken(String(text[..<end])) else {
            throw unusable("it holds no token: that is 16 to \(Self.most) letters, digits and -._~+/=")
        }
        return token
    }

    /// Linked in place when it is whole, so that nobody reads half a token, and of two who make one only one does.
    private func make() throws(Unusable) {
        let draft = "\(path).\(getpid()).\(RandomName.hexadecimal(bits: 64))"
        let file = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw unusable("it cannot be made", errno) }
        defer {
            close(file)
            unlink(draft)
        }
        let bytes = Array("\(BearerToken.random())\n".utf8)
        guard fchmod(file, 0o600) == 0, write(file, bytes, bytes.count) == bytes.count, fsync(file) == 0,
            link(draft, path) == 0 || errno == EEXIST
        else { throw unusable("it cannot be made", errno) }
    }

    /// Bytes.
    private static let most = 4096

    private func unusable(_ reason: String, _ code: Int32? = nil) -> Unusable {
        let detail = code.map { ": " + String(cString: strerror($0)) } ?? ""
        return Unusable(description: "The token file \(path) is not used: \(reason)\(detail).")
    }
}
