import Glibc
import Polling
import ShepherdProtocol
import Synchronization

/// Watches how much an attempt's files on disk grow: its workspace and its home, which no kernel limit bounds for an ordinary user.
///
/// Walking a large tree again and again would cost more than the task. So the file systems are asked first, which takes
/// microseconds: once their free space has shrunk by the limit, the files that changed since the start are added up. Somebody
/// else who frees space in the same time would hide the growth from that question, so they are added up now and then in any
/// case, as seldom as makes it cheap.
final class DiskWatch: Sendable {
    private let thread: PollThread

    /// Milliseconds between two looks: a disk that takes 1 GiB/s is over its limit by a quarter of that.
    private static let tick = 250
    /// Of the time, the watch walks at most one part in so many when nothing is suspected, and in so few when something is.
    private static let calm = 200, suspicious = 4
    /// Milliseconds between two walks when nothing is suspected, however quick they are.
    private static let shortestCalm = 1000

    private struct Looks {
        var isOver = false
        /// Milliseconds on the monotonic clock.
        var ended = DiskWatch.now
        var duration = 0
    }

    /// - Parameters:
    ///   - directories: absolute; one that cannot be examined counts for nothing.
    ///   - limit: bytes.
    ///   - onExceeded: called once, on the watch's own thread.
    init(_ directories: [String], limit: UInt64, onExceeded: @escaping @Sendable () -> Void) {
        var began = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &began)
        let since = began
        let free = directories.map(Self.freeBytes)
        let looks = Mutex(Looks())
        thread = PollThread(
            [], tick: Self.tick,
            onTick: {
                let isExceeded = looks.withLock { looks in
                    guard !looks.isOver else { return false }
                    let hasShrunk = zip(directories, free).contains { directory, before in
                        guard let before, let now = Self.freeBytes(directory) else { return false }
                        return before > now && before - now >= limit
                    }
                    let start = Self.now
                    let pause =
                        hasShrunk
                        ? looks.duration * Self.suspicious : max(looks.duration * Self.calm, Self.shortestCalm)
                    guard start - looks.ended >= pause else { return false }
                    let grown = Self.grown(directories, since: since)
                    looks.ended = Self.now
                    looks.duration = looks.ended - start
                    // What cannot be added up is held against the task only when the disk says that something grew.
                    looks.isOver = grown.map { $0 >= limit } ?? hasShrunk
                    return looks.isOver
                }
                if isExceeded { onExceeded() }
            }, onReadable: { _ in false })
    }

    func cancel() { thread.cancel() }

    private static func freeBytes(_ directory: String) -> UInt64? {
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else { return nil }
        return UInt64(status.f_bfree) * UInt64(status.f_frsize)
    }

    /// Bytes; nil when they are too many or too deep to add up.
    private static func grown(_ directories: [String], since: timespec) -> UInt64? {
        var sum: UInt64 = 0
        for directory in directories {
            var files = ChangedFiles(since: since)
            guard let bytes = files.bytes(below: directory) else { return nil }
            sum = sum.addingClamped(bytes)
        }
        return sum
    }

    private static var now: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}

/// Adds up the files of a tree that its owner goes on changing while we look: links are not followed, other file systems not
/// entered, and no path is looked up twice.
private struct ChangedFiles {
    private let since: timespec
    private let deadline: time_t
    private var device: dev_t?

    /// Levels, each of which holds a descriptor while those below are looked at.
    private static let mostDepth = 100
    /// Seconds.
    private static let longest = 5

    init(since: timespec) {
        self.since = since
        deadline = Self.seconds + Self.longest
    }

    /// Bytes of the files whose inode has changed since the start; nil when there is more than can be looked at.
    mutating func bytes(below directory: String) -> UInt64? {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        var status = stat()
        if descriptor >= 0, fstat(descriptor, &status) == 0 { device = status.st_dev }
        return visit(descriptor, depth: 0)
    }

    private mutating func visit(_ descriptor: Int32, depth: Int) -> UInt64? {
        guard descriptor >= 0 else { return 0 }
        guard depth < Self.mostDepth, Self.seconds < deadline, let stream = fdopendir(descriptor) else {
            close(descriptor)
            return nil
        }
        defer { closedir(stream) }
        var sum: UInt64 = 0
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                $0.prefix { $0 != 0 }.map(CChar.init(bitPattern:)) + [0]
            }
            guard name != [46, 0], name != [46, 46, 0] else { continue }
            var status = stat()
            guard fstatat(dirfd(stream), name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
            guard status.st_dev == device else { continue }
            switch status.st_mode & S_IFMT {
            case S_IFDIR:
                let inner = openat(dirfd(stream), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                guard let bytes = visit(inner, depth: depth + 1) else { return nil }
                sum = sum.addingClamped(bytes)
            case S_IFREG where (status.st_ctim.tv_sec, status.st_ctim.tv_nsec) >= (since.tv_sec, since.tv_nsec):
                // st_blocks counts 512 bytes (stat(2)); of several links each has a share.
                sum = sum.addingClamped(UInt64(max(status.st_blocks, 0)) * 512 / UInt64(max(status.st_nlink, 1)))
            default: continue
            }
        }
        return sum
    }

    private static var seconds: time_t {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec
    }
}
