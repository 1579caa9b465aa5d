import NIOCore

/// Keeps one connection to the upstream for the next request, for a while.
///
/// Used on its event loop only.
final class ParkingPlace {
    private let time: Duration
    private let patience: Patience
    private var connection: UpstreamConnection?

    init(on eventLoop: any EventLoop, time: Duration) {
        self.time = time
        patience = Patience(on: eventLoop)
    }

    func park(_ connection: UpstreamConnection) {
        clear()
        guard connection.isUsable else { return connection.close() }
        connection.client = nil
        // Nothing holds its reading back any more, or its end would not be noticed.
        connection.resumeReading()
        self.connection = connection
        patience.set(time) { [weak self] in self?.clear() }
    }

    /// The connection, if one is here and the upstream has not closed it.
    func take() -> UpstreamConnection? {
        patience.end()
        defer { connection = nil }
        return connection.flatMap { $0.isUsable ? $0 : nil }
    }

    func clear() {
        take()?.close()
    }
}
