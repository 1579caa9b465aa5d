import Glibc

/// Where answers go.
enum StandardOutput {
    static let isTerminal = isatty(STDOUT_FILENO) == 1

    static func write(_ text: String) throws(Failure) { try write(Array(text.utf8)) }

    /// Writes all of `bytes`; a reader that went away ends the program quietly, as it does for any filter.
    static func write(_ bytes: [UInt8]) throws(Failure) {
        let error = writeAll(bytes, to: STDOUT_FILENO)
        if error == EPIPE { Exit.with(128 + SIGPIPE) }
        guard error == 0 else {
            throw Failure(
                "output.unwritable", "Standard output cannot be written: \(String(cString: strerror(error))).",
                exitCode: ExitCodes.no)
        }
    }
}

/// Where Claudine's own words go.
enum StandardError {
    static let isTerminal = isatty(STDERR_FILENO) == 1

    /// There is nobody left to tell when this fails.
    static func write(_ text: String) { _ = writeAll(Array(text.utf8), to: STDERR_FILENO) }

    /// A line of ours.
    static func say(_ text: String) {
        write("claudine: \(text.oneLine)\n")
    }
}

/// Writes every byte, and waits where the descriptor takes no more for now.
///
/// - Returns: 0, or the errno that ended it: EPIPE when the reader is gone.
func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count >= 0 {
            rest = rest.dropFirst(count)
        } else if errno == EAGAIN {
            var one = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            poll(&one, 1, -1)
        } else if errno != EINTR {
            return errno
        }
    }
    return 0
}
