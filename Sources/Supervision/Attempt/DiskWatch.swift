import Glibc
import Polling
import ShepherdProtocol
import Synchronization

/// Watches how much an attempt's files on disk grow: its workspace and its home, which no kernel limit bounds for an ordinary user.
///
/// Walking a large tree again and again would cost more than the task. So the file systems are asked first, which takes
/// microseconds: while their free space has not shrunk by the limit, the files cannot have grown by it (unless somebody else
/// frees as much in the same time, which delays the finding). Only then are the files that changed since the start added up.
final class DiskWatch: Sendable {
    private let thread: PollThread

    /// Milliseconds between two looks: a disk that takes 1 GiB/s is over its limit by a quarter of that.
    private static let tick = 250

    private final class Finding: Sendable {
        let isMade = Atomic(false)
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
        let finding = Finding()
        thread = PollThread(
            [], tick: Self.tick,
            onTick: {
                guard !finding.isMade.load(ordering: .relaxed) else { return }
                let shrunk = zip(directories, free).contains { directory, before in
                    guard let before, let now = Self.freeBytes(directory) else { return false }
                    return before > now && before - now >= limit
                }
                guard shrunk else { return }
                var grown: UInt64 = 0
                for directory in directories {
                    var files = ChangedFiles(since: since)
                    grown = grown.addingClamped(files.bytes(below: directory))
                }
                guard grown >= limit else { return }
                finding.isMade.store(true, ordering: .relaxed)
                onExceeded()
            }, onReadable: { _ in false })
    }

    func cancel() { thread.cancel() }

    private static func freeBytes(_ directory: String) -> UInt64? {
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else { return nil }
        return UInt64(status.f_bfree) * UInt64(status.f_frsize)
    }
}

/// Adds up the files of a tree that its owner goes on changing while we look: links are not followed, other file systems not
/// entered, and no path is looked up twice. What is more than can be looked at counts as everything.
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

    /// Blocks of the files whose inode has changed since the start.
    mutating func bytes(below directory: String) -> UInt64 {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        var status = stat()
        if descriptor >= 0, fstat(descriptor, &status) == 0 { device = status.st_dev }
        return visit(descriptor, depth: 0)
    }

    private mutating func visit(_ descriptor: Int32, depth: Int) -> UInt64 {
        guard descriptor >= 0 else { return 0 }
        guard depth < Self.mostDepth, Self.seconds < deadline, let stream = fdopendir(descriptor) else {
            close(descriptor)
            return .max
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
                sum = sum.addingClamped(visit(inner, depth: depth + 1))
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
