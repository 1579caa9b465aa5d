import NIOCore
import NIOHTTP1

/// The gateway's end of a connection to the upstream; serves one exchange at a time and may serve several in turn.
///
/// It lives on the event loop of the cage's connection that uses it, so the two call each other directly.
final class UpstreamConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    /// Whose request is being answered; `nil` while parked.
    weak var client: CageConnection?

    private var context: ChannelHandlerContext?
    private var isReadHeld = false
    private var failure: (any Error)?

    var isUsable: Bool { context?.channel.isActive ?? false }
    var isWritable: Bool { context?.channel.isWritable ?? false }

    func send(_ part: HTTPClientRequestPart) {
        guard let context else { return }
        let written = context.writeAndFlush(wrapOutboundOut(part))
        guard case .head = part else { return }
        // A head that the encoder refuses never reaches the wire, and no answer would ever come.
        written.assumeIsolated().whenFailure { [weak self] error in
            self?.fail(error)
        }
    }

    func close() {
        client = nil
        context?.close(promise: nil)
    }

    /// The client can take more; a read that was held back is made up for.
    func resumeReading() {
        guard isReadHeld else { return }
        isReadHeld = false
        context?.read()
    }

    private func fail(_ error: any Error) {
        failure = failure ?? error
        context?.close(promise: nil)
    }

    // MARK: ChannelHandler

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func read(context: ChannelHandlerContext) {
        if let client, !client.isWritable {
            isReadHeld = true
        } else {
            context.read()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let client else { return context.close(promise: nil) }
        // After a failure the decoder still announces the end of a body that only the connection's end delimits.
        guard failure == nil else { return }
        client.receive(unwrapInboundIn(data))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        client?.flushAnswer()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { client?.resumeReading() }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let client = self.client
        self.client = nil
        client?.upstreamEnded(failure)
        context.fireChannelInactive()
    }
}
