import Dispatch
import Glibc

/// One client at the other end of two descriptors, one message a line (2026-07-28, "stdio").
///
/// Reading and writing block on threads of their own: making an inherited descriptor non-blocking would change it for whoever else
/// has it open, and a client that does not read must not hold up the requests of others.
public struct StdioTransport: Sendable {
    private let input: Int32
    private let output: Int32
    private let server: Server
    private let principal: String

    /// - Parameters: input, output: belong to the transport from now on, and are closed when it is done with them.
    public init(server: Server, principal: String, input: Int32, output: Int32) {
        self.server = server
        self.principal = principal
        self.input = input
        self.output = output
    }

    /// Takes standard input and output away from this process, so that nothing but messages is ever written there, and no child
    /// inherits them: what reads finds nothing, and what prints goes to standard error.
    public static func takingStandardStreams(server: Server, principal: String) throws(StreamError) -> StdioTransport {
        let input = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
        let output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard input >= 0, output >= 0, null >= 0, dup2(null, STDIN_FILENO) >= 0, dup2(STDERR_FILENO, STDOUT_FILENO) >= 0
        else { throw StreamError(code: errno) }
        close(null)
        // A client that is gone is an error of write(2), not the end of this process.
        signal(SIGPIPE, SIG_IGN)
        return StdioTransport(server: server, principal: principal, input: input, output: output)
    }

    /// Serves until the client ends its input or reads no more, or the task is cancelled. What is being done then gets a moment to
    /// come to its end, and what was said a second to be read.
    public func run() async throws(StreamError) {
        let writer = LineWriter(output, limits: server.limits)
        let connection = Connection(server: server, principal: principal, channel: writer)
        let ended = AsyncStream<Void>.makeStream()
        writer.onFailure = { ended.continuation.finish() }
        let reader = LineReader(input, most: server.limits.message)
        try startThread {
            if reader.read(into: connection) { ended.continuation.yield() }
            ended.continuation.finish()
        }
        var isAtEnd = false
        for await _ in ended.stream { isAtEnd = true }
        if isAtEnd { await connection.finish(within: server.limits.farewell) }
        connection.close()
        writer.finish(within: .seconds(1))
    }
}

/// What a system call that failed left behind.
public struct StreamError: Error, Hashable, CustomStringConvertible {
    /// errno(3).
    public let code: Int32

    public var description: String { String(cString: strerror(code)) }
}
