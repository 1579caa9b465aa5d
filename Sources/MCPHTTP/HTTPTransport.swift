import Glibc
import HummingbirdCore
import Logging
public import MCP
import NIOCore
import NIOPosix

/// A server over Streamable HTTP, for clients of both eras at one path (2026-07-28 and 2025-11-25, "Streamable HTTP").
///
/// It listens to this machine alone unless told otherwise, and lets in who shows the token.
public struct HTTPTransport: Sendable {
    /// The path of the endpoint.
    public static let path = "/mcp"

    private let server: MCP.Server
    private let address: ListenAddress
    private let token: BearerToken?
    private let hosts: [String]
    private let origins: [String]
    private let timing: Timing

    /// How long things may take.
    public struct Timing: Sendable {
        /// The head of a request, and then its body; and how long a connection may be idle.
        public var head = Duration.seconds(30)
        /// An answer, before the client is shown by a stream that it is being worked on.
        public var patience = Duration.seconds(1)
        /// Between signs of life on a stream.
        public var keepAlive = Duration.seconds(15)
        /// A session of before 2026-07-28 without a request.
        public var session = Duration.seconds(3600)
        /// What is being answered when it has to end.
        public var farewell = Duration.seconds(1)

        public init() {}
    }

    /// Why it cannot listen, in words for people.
    public struct Unavailable: Error, Equatable, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// - Parameters:
    ///   - token: what a client has to show; nil lets in every program and every user of this machine, which is for tests.
    ///   - hosts: names by which clients may know it, besides those of loopback and the address itself; without a port.
    ///   - origins: of web pages that may use it, as a browser sends them.
    ///   - isPublic: whether it may be reached from other machines. The protocol is not encrypted.
    /// - Throws: for an address of other than loopback that is not `isPublic`.
    public init(
        server: MCP.Server, address: ListenAddress, token: BearerToken?, hosts: [String] = [], origins: [String] = [],
        isPublic: Bool = false, timing: Timing = Timing()
    ) throws(Unavailable) {
        guard isPublic || address.isLoopback else {
            throw Unavailable(
                description:
                    "\(address.host) is not an address of loopback (127.0.0.1, ::1, localhost), and others are not listened to."
            )
        }
        self.server = server
        self.address = address
        self.token = token
        self.hosts = hosts
        self.origins = origins
        self.timing = timing
    }

    /// Serves until its task is cancelled; what is being answered then has a second to end.
    ///
    /// - Parameter onListening: is told the URL of the endpoint once it is there.
    public func run(
        onListening: @escaping @Sendable (_ url: String) async -> Void = { _ in }
    ) async throws(Unavailable) {
        let sessions = Sessions(validity: timing.session)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer {
            sessions.endAll()
            group.shutdownGracefully { _ in }
        }
        let endpoint = Endpoint(server: server, gate: gate, sessions: sessions, timing: timing)
        let http = HTTP1Channel(
            responder: { request, writer, channel in
                try await endpoint.respond(to: request, on: writer, over: channel)
            }, configuration: .init(additionalChannelHandlers: [HangUpHandler()], idleTimeout: TimeAmount(timing.head)))
        let quiet = Logger(label: "mcp.http", factory: { _ in SwiftLogNoOpLogHandler() })
        let address = address
        let listener = HummingbirdCore.Server(
            childChannelSetup: http,
            configuration: ServerConfiguration(
                address: .hostname(address.host == "localhost" ? "127.0.0.1" : address.host, port: address.port),
                availableConnectionsDelegate: .maximum(Self.mostConnections, logger: quiet)),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? address.port
                await onListening("http://\(address.authority):\(port)\(Self.path)")
            }, eventLoopGroup: group, logger: quiet)
        let serving = Task { try await listener.run() }
        let sweeping = Task {
            while true {
                try await Task.sleep(for: .seconds(60))
                sessions.expire()
            }
        }
        defer { sweeping.cancel() }
        do {
            try await withTaskCancellationHandler {
                try await serving.value
            } onCancel: {
                sessions.endAll()
                // What does not end by itself, is ended.
                Task { try? await listener.shutdownGracefully() }
                Task {
                    try? await Task.sleep(for: timing.farewell)
                    serving.cancel()
                }
            }
        } catch {
            // Perhaps it was not even listening yet.
            if Task.isCancelled { return }
            let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            throw Unavailable(description: "\(address) cannot be listened to: \(reason).")
        }
    }

    private var gate: Gate {
        let names = hosts.map { $0.lowercased() } + ["localhost", "127.0.0.1", "[::1]", address.authority.lowercased()]
        return Gate(path: Self.path, hosts: Set(names), origins: Set(origins), token: token)
    }

    /// At a time; others wait to be accepted.
    private static let mostConnections = 256
}
