import CCage
import Glibc
package import Store

/// `serve.log` of the state directory: where a daemon writes that was started on demand, for nobody sees its standard error.
package enum ServeLog {
    /// Bytes; a file that is larger at the start becomes `serve.log.1`, in the place of an older one.
    static let largest = 4 << 20

    /// Opens it for appending.
    package static func open(in paths: StatePaths) throws(SupervisionError) -> Descriptor {
        let path = paths.serveLog
        let file = try append(to: path)
        var large = stat()
        guard fstat(file.number, &large) == 0, large.st_size > largest else { return file }
        // Several commands may start a daemon at a time: whoever has the large file's lock looks whether it still has the name.
        guard flock(file.number, LOCK_EX) == 0 else { throw .file(path, errno) }
        var named = stat()
        if lstat(path, &named) == 0, named.st_ino == large.st_ino {
            guard rename(path, "\(path).1") == 0 else { throw .file(path, errno) }
        }
        return try append(to: path)
    }

    private static func append(to path: String) throws(SupervisionError) -> Descriptor {
        // O_NONBLOCK, for a FIFO in that place must not stop us.
        try Descriptor.open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode: 0o600)
    }
}
