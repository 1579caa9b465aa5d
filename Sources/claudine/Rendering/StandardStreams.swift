import Glibc

/// Where answers go.
enum StandardOutput {
    static let isTerminal = isatty(STDOUT_FILENO) == 1

    /// Writes all of `text`; a reader that went away ends the program quietly, as it does for any filter.
    static func write(_ text: String) throws(Failure) {
        var text = text
        let error = text.withUTF8 { writeAll(STDOUT_FILENO, UnsafeRawBufferPointer($0)) }
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
    static func write(_ text: String) {
        var text = text
        _ = text.withUTF8 { writeAll(STDERR_FILENO, UnsafeRawBufferPointer($0)) }
    }

    /// A line of ours.
    static func say(_ text: String) {
        write("claudine: \(text.oneLine)\n")
    }
}

/// The errno, or 0 when every byte was written.
private func writeAll(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int32 {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
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
