import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// Makes connections to one upstream.
final class UpstreamDialer: Sendable {
    private let address: UpstreamAddress
    private let trustRootsFile: String?
    private let connectTimeout: TimeAmount
    private let tls = Mutex<NIOSSLContext?>(nil)

    init(_ configuration: GatewayConfiguration) {
        address = configuration.upstream
        trustRootsFile = configuration.trustRootsFile
        connectTimeout = TimeAmount(configuration.limits.connectTimeout)
    }

    /// A connection on `eventLoop` that speaks HTTP; for TLS the handshake may still be going on.
    func connect(on eventLoop: any EventLoop) -> EventLoopFuture<any Channel> {
        switch address.scheme {
        case .http: connect(on: eventLoop, tls: nil)
        case .https: tlsContext(on: eventLoop).flatMap { self.connect(on: eventLoop, tls: $0) }
        }
    }

    private func connect(on eventLoop: any EventLoop, tls: NIOSSLContext?) -> EventLoopFuture<any Channel> {
        let host = address.host
        return ClientBootstrap(group: eventLoop)
            .connectTimeout(connectTimeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls {
                        // An address has no name to indicate; the certificate is then checked against the address.
                        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
                        try pipeline.addHandler(
                            NIOSSLClientHandler(context: tls, serverHostname: isAddress ? nil : host))
                    }
                    try pipeline.addHTTPClientHandlers()
                }
            }
            .connect(host: host, port: address.port)
    }

    /// Built for the first request: reading the system's certificates takes tens of milliseconds, which a task that
    /// calls no model need not pay, and which the event loop cannot afford.
    private func tlsContext(on eventLoop: any EventLoop) -> EventLoopFuture<NIOSSLContext> {
        if let context = tls.withLock({ $0 }) { return eventLoop.makeSucceededFuture(context) }
        return NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.minimumTLSVersion = .tlsv12
            configuration.applicationProtocols = ["http/1.1"]
            if let file = self.trustRootsFile { configuration.additionalTrustRoots = [.file(file)] }
            let context = try NIOSSLContext(configuration: configuration)
            self.tls.withLock { $0 = context }
            return context
        }
    }
}
