import MCP
import Synchronization

/// A client of before 2026-07-28: what `initialize` agreed upon, and the requests that are not answered yet.
final class Session: Sendable {
    let id: String
    let connection: Connection
    /// For what belongs to no request: a GET reads it.
    private let mailbox: Mailbox
    private let exchanges = Mutex<[RequestID: Exchange]>([:])
    private let limits: Limits

    /// Known to nobody until `initialize` has succeeded.
    init(server: MCP.Server, principal: String) {
        id = RandomName.hexadecimal(bits: 128)
        limits = server.limits
        mailbox = Mailbox(limits: server.limits)
        connection = Connection(server: server, principal: principal, channel: mailbox)
    }

    /// - Returns: where a request is answered. That the client hangs up cancels nothing (2025-11-25, "Streamable HTTP").
    func receive(_ id: RequestID, _ message: Message) -> Exchange {
        let exchange = Exchange(limits: limits)
        // A second request with the same id is refused, and leaves the first one its place.
        exchanges.withLock { if $0[id] == nil { $0[id] = exchange } }
        connection.receive(message, answers: exchange)
        return exchange
    }

    /// Takes a notification, or the answer to a question of ours.
    func receive(_ message: Message) {
        connection.receive(message)
        // What is cancelled is never answered, so its response ends here.
        guard case .notification("notifications/cancelled", let params) = message,
            let id = RequestID(params["requestId"])
        else { return }
        exchanges.withLock { $0.removeValue(forKey: id) }?.end()
    }

    /// The response to a request is over.
    func forget(_ id: RequestID, _ exchange: Exchange) {
        exchanges.withLock { if $0[id] === exchange { $0[id] = nil } }
    }

    /// - Returns: what belongs to no request, from now on; whoever read it before does no longer.
    func listen() -> Exchange { mailbox.open() }

    func leave(_ exchange: Exchange) { mailbox.leave(exchange) }

    var isBusy: Bool { mailbox.isOpen || !exchanges.withLock { $0.isEmpty } }

    func close() {
        connection.close()
        mailbox.close()
        for exchange in exchanges.withLock({ $0.values }) { exchange.end() }
    }
}

/// Keeps what belongs to no request for as long as nobody reads it, but not much of it.
final class Mailbox: MCP.Channel {
    private struct State {
        var reader: Exchange?
        var kept: [Message] = []
    }

    private let limits: Limits
    private let state = Mutex(State())
    /// Messages.
    private static let most = 100

    init(limits: Limits) { self.limits = limits }

    func send(_ message: Message) {
        state.withLock { state in
            if let reader = state.reader { return reader.send(message) }
            if state.kept.count < Self.most { state.kept.append(message) }
        }
    }

    func open() -> Exchange {
        let reader = Exchange(limits: limits)
        let former = state.withLock { state in
            for message in state.kept { reader.send(message) }
            defer { (state.reader, state.kept) = (reader, []) }
            return state.reader
        }
        former?.end()
        return reader
    }

    var isOpen: Bool { state.withLock { $0.reader != nil } }

    func leave(_ reader: Exchange) { state.withLock { if $0.reader === reader { $0.reader = nil } } }

    func close() { state.withLock { $0.reader }?.end() }
}
