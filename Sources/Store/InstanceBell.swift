import Glibc

/// How an instance is told that somebody wants something of one of its attempts: a FIFO of its own, rung after the commit.
///
/// It carries no information; what is wanted stands in the store. An instance also looks by itself once a second. (Followers
/// listen to the common doorbell by inotify; letting go of that takes the kernel some 10 ms, too long for a short task.)
package struct InstanceBell: ~Copyable {
    /// Readable when it was rung. The holder drains it.
    package let descriptor: Int32
    private let path: String

    private init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    static func make(_ path: String) throws(StoreError) -> InstanceBell {
        guard mkfifo(path, 0o600) == 0 else { throw StateDirectory.failure(errno, creating: path) }
        // Both ways, so that it never reads as ended between two who ring.
        let descriptor = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            let code = errno
            unlink(path)
            throw StateDirectory.failure(code, creating: path)
        }
        return InstanceBell(descriptor: descriptor, path: path)
    }

    deinit {
        close(descriptor)
        unlink(path)
    }

    /// Nobody may be listening any more, and a full FIFO has been rung already: neither is an error.
    static func ring(_ path: String) {
        let bell = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)
        guard bell >= 0 else { return }
        var byte: UInt8 = 1
        _ = write(bell, &byte, 1)
        close(bell)
    }
}
