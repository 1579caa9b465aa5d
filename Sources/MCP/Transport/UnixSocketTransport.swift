import Dispatch
import Glibc

/// A server on a socket in the file system, for clients of this machine and this user: each connection is framed as stdio is
/// (2026-07-28, "Custom Transports").
public struct UnixSocketTransport: Sendable {
    private let server: Server
    private let path: String
    /// Clients at a time, each of which has a thread; others wait to be accepted.
    private static let mostClients = 64

    /// What keeps it from listening, in words for people.
    public struct Unavailable: Error, Hashable, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// - Parameter path: at most 107 bytes (unix(7)), in a directory that nobody else may enter; that is made if it is missing.
    public init(server: Server, path: String) {
        self.server = server
        self.path = path
    }

    /// Serves until its task is cancelled, and takes the socket away then. SIGPIPE has to be ignored.
    ///
    /// - Parameter onListening: is called once clients can connect.
    public func run(onListening: @Sendable () -> Void = {}) async throws(Unavailable) {
        let socket = try SocketFile(path)
        // One that begins with what it has now may not be given up while clients are there (dispatch_semaphore_create(3)).
        let places = DispatchSemaphore(value: 0)
        for _ in 0..<Self.mostClients { places.signal() }
        let clients = AsyncStream<SocketFile.Client>.makeStream()
        do {
            try startThread {
                while true {
                    places.wait()
                    guard let client = socket.accept() else { break }
                    clients.continuation.yield(client)
                }
                clients.continuation.finish()
            }
        } catch {
            socket.stop()
            socket.remove()
            throw Unavailable(description: "The socket \(path) cannot be served: \(error).")
        }
        onListening()
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                for await client in clients.stream {
                    group.addTask {
                        await serve(client)
                        places.signal()
                    }
                }
            }
        } onCancel: {
            socket.stop()
        }
        socket.remove()
    }

    private func serve(_ client: SocketFile.Client) async {
        // Whoever reads closes what it reads from, and whoever writes what it writes to; this one ends both.
        let ends = [client.descriptor, client.descriptor].map { fcntl($0, F_DUPFD_CLOEXEC, 3) }
        if ends.allSatisfy({ $0 >= 0 }) {
            let principal = "unix:\(client.user)"
            let transport = StdioTransport(server: server, principal: principal, input: ends[0], output: ends[1])
            do { try await transport.run() } catch { server.report(principal, error) }
        } else {
            for end in ends where end >= 0 { close(end) }
        }
        shutdown(client.descriptor, Int32(SHUT_RDWR))
        close(client.descriptor)
    }
}
