import NIOCore
import Synchronization

/// The connections that one cage has open.
final class ConnectionList: Sendable {
    private struct Content {
        var open: [ObjectIdentifier: any Channel] = [:]
        var isShut = false
    }

    private let limit: Int
    private let content = Mutex(Content())

    init(limit: Int) {
        self.limit = limit
    }

    /// - Returns: Whether the connection may live; it is forgotten by itself when it closes.
    func admit(_ channel: any Channel) -> Bool {
        let identity = ObjectIdentifier(channel)
        let isAdmitted = content.withLock { content in
            guard !content.isShut, content.open.count < limit else { return false }
            content.open[identity] = channel
            return true
        }
        if isAdmitted {
            channel.closeFuture.whenComplete { _ in
                self.content.withLock { _ = $0.open.removeValue(forKey: identity) }
            }
        }
        return isAdmitted
    }

    /// Admits nobody from now on.
    ///
    /// - Returns: Those that are still open.
    func shut() -> [any Channel] {
        content.withLock { content in
            content.isShut = true
            return Array(content.open.values)
        }
    }
}
