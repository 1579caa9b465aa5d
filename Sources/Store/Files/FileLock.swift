import Glibc

/// An flock(2) on a file, held until this value or its process ends: the proof that somebody is alive.
package struct FileLock: ~Copyable {
    private let descriptor: Int32

    /// Waits for the lock.
    package static func wait(for path: String) throws(StoreError) -> FileLock {
        let lock = FileLock(descriptor: try openFile(path))
        while flock(lock.descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else { throw StateDirectory.failure(errno, creating: path) }
        }
        return lock
    }

    /// Nil when somebody else holds it.
    package static func attempt(_ path: String) throws(StoreError) -> FileLock? {
        let lock = FileLock(descriptor: try openFile(path))
        if flock(lock.descriptor, LOCK_EX | LOCK_NB) == 0 { return lock }
        guard errno == EWOULDBLOCK else { throw StateDirectory.failure(errno, creating: path) }
        return nil
    }

    private init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Whether somebody holds the lock at `path`; a missing file is held by nobody.
    ///
    /// The probe takes a shared lock, so that two who ask at the same time do not take each other for the holder.
    package static func isHeld(_ path: String) throws(StoreError) -> Bool {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            if errno == ENOENT { return false }
            throw StateDirectory.failure(errno, creating: path)
        }
        defer { close(file) }
        guard flock(file, LOCK_SH | LOCK_NB) != 0 else { return false }
        guard errno == EWOULDBLOCK else { throw StateDirectory.failure(errno, creating: path) }
        return true
    }

    private static func openFile(_ path: String) throws(StoreError) -> Int32 {
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw StateDirectory.failure(errno, creating: path) }
        return file
    }
}
