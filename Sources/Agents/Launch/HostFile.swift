import Glibc

/// What the lookup asks of the host's files.
enum HostFile {
    enum Verdict: Equatable {
        case program
        case missing
        /// The sentence's end: "is a directory".
        case unusable(String)
    }

    /// Is this, links followed, a regular file that the caller may execute?
    static func program(_ path: String) -> Verdict {
        var status = stat()
        guard stat(path, &status) == 0 else {
            let error = errno
            return switch error {
            case ENOENT, ENOTDIR: .missing
            case ELOOP: .unusable("is a symbolic link that leads in a circle")
            case ENAMETOOLONG: .missing
            default: .unusable("cannot be looked at (errno \(error))")
            }
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: return .unusable("is a directory")
        default: return .unusable("is not a file")
        }
        return access(path, X_OK) == 0 ? .program : .unusable("is not executable")
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// The absolute path with every symbolic link resolved.
    static func resolved(_ path: String) -> String? {
        guard let buffer = realpath(path, nil) else { return nil }
        defer { free(buffer) }
        return String(validatingCString: buffer)
    }

    /// The bytes that the kernel would look at; empty when the file cannot be read.
    static func start(of path: String) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: ScriptLine.length)
        let count = read(descriptor, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, count)))
    }
}
