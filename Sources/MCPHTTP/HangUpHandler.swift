import NIOCore
import Synchronization

/// Notices that a client has closed its side of a connection: over HTTP/1.1 whoever does that does not read any more, either.
final class HangUpHandler: ChannelInboundHandler, RemovableChannelHandler, Sendable {
    typealias InboundIn = NIOAny

    private enum State {
        case connected((@Sendable () -> Void)?)
        case hungUp
    }

    private let state = Mutex(State.connected(nil))

    /// - Parameter action: is called once, at once if that has happened already; replaces an earlier one.
    func onHangUp(_ action: (@Sendable () -> Void)?) {
        let isOver = state.withLock { state in
            guard case .connected = state else { return true }
            state = .connected(action)
            return false
        }
        if isOver { action?() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed = event as? ChannelEvent { tell() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        tell()
        context.fireChannelInactive()
    }

    private func tell() {
        let action: (@Sendable () -> Void)? = state.withLock { state in
            defer { state = .hungUp }
            guard case .connected(let action) = state else { return nil }
            return action
        }
        action?()
    }
}
