import Dispatch
import Glibc
import Synchronization

/// One client at the other end of two descriptors, one message a line (2026-07-28, "stdio").
///
/// Reading and writing block on threads of their own: making an inherited descriptor non-blocking would change it for whoever else
/// has it open, and a client that does not read must not hold up the requests of others.
public struct StdioTransport: Sendable {
    private let input: Int32
    private let output: Int32
    private let server: Server
    private let principal: String

    /// - Parameters: input, output: belong to the transport from now on.
    public init(server: Server, principal: String, input: Int32, output: Int32) {
        self.server = server
        self.principal = principal
        self.input = input
        self.output = output
    }

    /// Takes standard input and output away from this process, so that nothing but messages is ever written there, and no child
    /// inherits them: what reads finds nothing, and what prints goes to standard error.
    ///
    /// - Throws: errno.
    public static func takingStandardStreams(server: Server, principal: String) throws -> StdioTransport {
        let input = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
        let output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard input >= 0, output >= 0, null >= 0, dup2(null, STDIN_FILENO) >= 0, dup2(STDERR_FILENO, STDOUT_FILENO) >= 0
        else { throw StreamError(code: errno) }
        close(null)
        return StdioTransport(server: server, principal: principal, input: input, output: output)
    }

    /// Serves until the client ends its input, or `stop` is called for. Writes nothing more than a second after that.
    public func run() async {
        let writer = LineWriter(output, limits: server.limits)
        let connection = Connection(server: server, principal: principal, channel: writer)
        let input = input
        let most = server.limits.message
        let ended = AsyncStream<Void>.makeStream()
        writer.onFailure = { ended.continuation.finish() }
        detachThread {
            Self.read(input, most, into: connection)
            ended.continuation.finish()
        }
        await withTaskCancellationHandler {
            for await _ in ended.stream {}
        } onCancel: {
            ended.continuation.finish()
        }
        connection.close()
        writer.finish(within: .seconds(1))
    }

    private static func read(_ input: Int32, _ most: Int, into connection: Connection) {
        var splitter = LineSplitter(most: most)
        var isOpen = true
        let tooLong = Message.Refusal(error: ResponseError(.invalidRequest, "A message has at most \(most) bytes."))
        let take = { (line: LineSplitter.Line) in
            guard isOpen else { return }
            switch line {
            case .line(let bytes): isOpen = connection.receive(bytes)
            case .tooLong: isOpen = connection.refuse(tooLong)
            }
        }
        withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 16) { buffer in
            while isOpen {
                let count = Glibc.read(input, buffer.baseAddress, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                splitter.feed(UnsafeRawBufferPointer(rebasing: buffer[..<count]), take)
            }
            if isOpen { splitter.end(take) }
        }
    }
}

public struct StreamError: Error {
    /// errno(3).
    public let code: Int32
}
