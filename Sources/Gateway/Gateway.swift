import Glibc
package import NIOCore
import NIOHTTP1
import NIOPosix

/// The only way out of one cage: forwards its calls to the model API, adds the key, counts what is spent.
///
/// One gateway serves one task. It is handed sockets that already listen, because they were made where the gateway
/// cannot go: inside the cage's mount and network namespaces. Which socket a request comes from therefore says
/// whose it is, and no token is needed.
///
/// ```swift
/// let gateway = try await Gateway.start(listeners: sockets, configuration: configuration)
/// for await event in gateway.events { … }
/// print(gateway.usage.tokens)
/// await gateway.stop()
/// ```
package final class Gateway: Sendable {
    private let ledger: Ledger
    private let connections: ConnectionList
    private let listeners: [any Channel]

    private init(ledger: Ledger, connections: ConnectionList, listeners: [any Channel]) {
        self.ledger = ledger
        self.connections = connections
        self.listeners = listeners
    }

    /// Begins to accept on sockets that listen already.
    ///
    /// Costs two system calls a socket and, the first time in a process, the start of the event loop's thread;
    /// nothing is resolved, connected or read from disk before the first request.
    ///
    /// - Parameters:
    ///   - sockets: Listening stream sockets, unix or TCP. They belong to the gateway from now on, and are closed
    ///     also when this throws.
    ///   - configuration: Frozen for the gateway's life.
    ///   - eventLoopGroup: Where it runs; the process-wide one if none is given.
    package static func start(
        listeners sockets: [CInt], configuration: GatewayConfiguration, eventLoopGroup: (any EventLoopGroup)? = nil
    ) async throws(GatewayError) -> Gateway {
        do throws(GatewayError) {
            for socket in sockets { try check(socket) }
            if let file = configuration.trustRootsFile, access(file, R_OK) != 0 {
                throw .trustRoots(path: file, problem: String(cString: strerror(errno)))
            }
        } catch {
            for socket in sockets { close(socket) }
            throw error
        }
        let ledger = Ledger()
        let connections = ConnectionList(limit: configuration.limits.connections)
        let dialer = UpstreamDialer(configuration)
        let bootstrap = ServerBootstrap(group: eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                guard connections.admit(channel) else {
                    ledger.record(.refused(.tooManyConnections(limit: configuration.limits.connections)))
                    return channel.close()
                }
                return channel.eventLoop.makeCompletedFuture {
                    var decoding = NIOHTTPDecoderLimitConfiguration()
                    decoding.maxHeaderFieldSize = configuration.limits.headerBytes
                    decoding.maxHeaderListSize = configuration.limits.headerBytes
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline(
                        withErrorHandling: false, withEncoderConfiguration: .init(),
                        withDecoderLimitConfiguration: decoding)
                    try pipeline.addHandler(
                        CageConnection(
                            configuration, dialer: dialer, ledger: ledger, eventLoop: channel.eventLoop))
                }
            }
        var listeners: [any Channel] = []
        for (index, socket) in sockets.enumerated() {
            do {
                listeners.append(try await bootstrap.withBoundSocket(socket).get())
            } catch {
                // The one that failed was closed by its channel.
                for listener in listeners { listener.close(promise: nil) }
                for socket in sockets[(index + 1)...] { close(socket) }
                throw .listener(descriptor: socket, problem: sentence(for: error))
            }
        }
        return Gateway(ledger: ledger, connections: connections, listeners: listeners)
    }

    private static func check(_ socket: CInt) throws(GatewayError) {
        var isListening: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        let flags = fcntl(socket, F_GETFD)
        guard flags >= 0, getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &size) == 0,
            fcntl(socket, F_SETFD, flags | FD_CLOEXEC) == 0
        else {
            throw .listener(descriptor: socket, problem: String(cString: strerror(errno)))
        }
        guard isListening != 0 else { throw .listener(descriptor: socket, problem: "it does not listen") }
    }

    /// What has been spent up to now; exact at any time, also after `stop`.
    package var usage: GatewayUsage { ledger.usage }

    /// Each refusal, answer and failure, for one reader; ends after `stop`.
    ///
    /// A reader that falls behind by more than 1024 events misses the oldest, never the counts of `usage`.
    package var events: AsyncStream<GatewayEvent> { ledger.events }

    /// Closes the listeners and every connection at once, in both directions.
    ///
    /// Requests that are under way are cut, which also ends them at the upstream. Calling it again does nothing.
    package func stop() async {
        for listener in listeners { listener.close(promise: nil) }
        let open = connections.shut()
        for channel in open { channel.close(promise: nil) }
        for channel in listeners + open {
            await withCheckedContinuation { (closed: CheckedContinuation<Void, Never>) in
                channel.closeFuture.whenComplete { _ in closed.resume() }
            }
        }
        ledger.finish()
    }
}

extension GatewayEvent.Refusal {
    static func tooManyConnections(limit: Int) -> GatewayEvent.Refusal {
        GatewayEvent.Refusal(
            code: "gateway.tooManyConnections", status: 0,
            message: "the cage has \(limit) connections open already; this one was closed", request: nil)
    }
}
