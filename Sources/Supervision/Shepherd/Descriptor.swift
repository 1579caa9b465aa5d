import CCage
import Glibc

/// Owns a file descriptor: whoever holds the value holds the file, and it is closed when the value ends.
package struct Descriptor: ~Copyable, Sendable {
    package let number: Int32

    package init(owning number: Int32) { self.number = number }

    deinit { if number >= 0 { close(number) } }

    /// Hands the number over; closing it is now the caller's business.
    package consuming func release() -> Int32 {
        let number = self.number
        discard self
        return number
    }

    /// Two descriptors that belong together.
    struct Pair: ~Copyable {
        let ours: Descriptor
        let theirs: Descriptor
    }

    /// A pipe, close-on-exec; `weRead` says which end is ours.
    static func pipe(weRead: Bool) throws(SupervisionError) -> Pair {
        var ends: [Int32] = [-1, -1]
        guard cage_pipe(&ends) == 0 else { throw .resources("pipe", errno) }
        return Pair(ours: Descriptor(owning: ends[weRead ? 0 : 1]), theirs: Descriptor(owning: ends[weRead ? 1 : 0]))
    }

    /// Connected sockets that keep message boundaries, close-on-exec.
    static func socketPair() throws(SupervisionError) -> Pair {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw .resources("socket pair", errno) }
        return Pair(ours: Descriptor(owning: ends[0]), theirs: Descriptor(owning: ends[1]))
    }

    static func open(_ path: String, _ flags: Int32, mode: mode_t = 0) throws(SupervisionError) -> Descriptor {
        let number = Glibc.open(path, flags | O_CLOEXEC, mode)
        guard number >= 0 else { throw .file(path, errno) }
        return Descriptor(owning: number)
    }

    func setNonblocking() {
        let flags = fcntl(number, F_GETFL)
        if flags >= 0 { _ = fcntl(number, F_SETFL, flags | O_NONBLOCK) }
    }
}
