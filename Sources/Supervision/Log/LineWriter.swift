import CCage
import Glibc
import Synchronization

/// Writes whole lines to a descriptor, whatever it is, one thread at a time.
///
/// It never waits for a reader: a line that cannot be written at once is dropped, counted, and the count is told with the next line.
/// Nor does a full disk stop anything. Only a disk that does not answer at all is waited for, as by everything that writes files.
package final class LineWriter: Sendable {
    private struct State {
        /// Lines since the last that was written.
        var dropped = 0
        /// Whether the last line was cut short, so that what follows has to begin a new one.
        var isTorn = false
    }

    private let descriptor: Descriptor
    private let isSocket: Bool
    private let state = Mutex(State())

    /// A longer line could mix with others in a pipe: PIPE_BUF of Linux (pipe(7)).
    private static let longest = 4096

    /// - Parameter number: stays the caller's, who may close it; it becomes non-blocking for nobody else.
    package init(_ number: Int32) throws(SupervisionError) {
        var status = stat()
        guard fstat(number, &status) == 0 else { throw .resources("descriptor of the log", errno) }
        isSocket = status.st_mode & S_IFMT == S_IFSOCK
        // O_NONBLOCK belongs to the open file, which the caller's shell may share: so a pipe or a terminal is opened once more. A
        // file is not, for the two would not know of each other's offset.
        let waits = [S_IFIFO, S_IFCHR].contains(status.st_mode & S_IFMT)
        let again =
            waits ? open("/proc/self/fd/\(number)", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1
        let own = again >= 0 ? again : fcntl(number, F_DUPFD_CLOEXEC, 3)
        guard own >= 0 else { throw .resources("descriptor of the log", errno) }
        descriptor = Descriptor(owning: own)
    }

    /// - Parameter line: makes the line, without its end, from the number of those that were dropped before it.
    func write(_ line: (_ dropped: Int) -> String) {
        state.withLock { state in
            let bytes = Array(((state.isTorn ? "\n" : "") + line(state.dropped) + "\n").utf8)
            let written = bytes.count <= Self.longest ? write(bytes) : 0
            if written > 0 { state.isTorn = written < bytes.count }
            // Without its end a line is whole; the next one begins with that.
            state.dropped = written >= bytes.count - 1 ? 0 : state.dropped + 1
        }
    }

    /// How many of the bytes were taken.
    private func write(_ bytes: [UInt8]) -> Int {
        // Where the descriptor could not be made non-blocking, nothing is written that it does not take now.
        var one = pollfd(fd: descriptor.number, events: Int16(POLLOUT), revents: 0)
        guard isSocket || poll(&one, 1, 0) == 1 else { return 0 }
        while true {
            let count =
                isSocket
                ? send(descriptor.number, bytes, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
                : Glibc.write(descriptor.number, bytes, bytes.count)
            if count >= 0 { return count }
            guard errno == EINTR else { return 0 }
        }
    }
}
