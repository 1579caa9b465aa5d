import CCage
import Glibc
package import Store

/// `serve.log` of the state directory: where a daemon writes that was started on demand, for nobody sees its standard error.
package enum ServeLog {
    /// Bytes; a file that is larger at the start becomes `serve.log.1`, in the place of an older one.
    static let largest = 4 << 20

    /// Opens it for appending. To be called by whoever holds the daemon's lock, so that two of them do not turn it over at once.
    package static func open(in paths: StatePaths) throws(SupervisionError) -> Descriptor {
        let path = paths.serveLog
        var status = stat()
        if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size > largest {
            guard rename(path, "\(path).1") == 0 else { throw .file(path, errno) }
        }
        // O_NONBLOCK, for a FIFO in that place must not stop us.
        return try Descriptor.open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode: 0o600)
    }
}
