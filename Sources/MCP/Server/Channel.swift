/// Where messages to a client go: the one stream of a connection, or the answer to one HTTP request.
public protocol Channel: Sendable {
    /// Keeps their order, and never waits for the client. Notifications may be dropped when he does not read.
    func send(_ message: Message)
}
