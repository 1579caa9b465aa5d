import MCP
import Synchronization

/// The sessions that there are, by their names.
final class Sessions: Sendable {
    private struct Entry {
        var session: Session
        var lastUse: ContinuousClock.Instant
    }

    private let entries = Mutex<[String: Entry]>([:])
    private let validity: Duration
    private let now: @Sendable () -> ContinuousClock.Instant
    /// At a time; then the one that was not used for longest goes.
    private static let most = 256

    /// - Parameter validity: how long one may be without a request and without anybody listening.
    init(validity: Duration, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.validity = validity
        self.now = now
    }

    /// Nil for one that there never was, or is no more.
    subscript(_ id: String) -> Session? {
        let now = now()
        return entries.withLock { entries in
            guard let entry = entries[id], !isOver(entry, now) else { return nil }
            entries[id]?.lastUse = now
            return entry.session
        }
    }

    func add(_ session: Session) {
        let now = now()
        let eldest: Session? = entries.withLock { entries in
            entries[session.id] = Entry(session: session, lastUse: now)
            guard entries.count > Self.most,
                let eldest = entries.filter({ !$0.value.session.isBusy }).min(by: {
                    $0.value.lastUse < $1.value.lastUse
                })
            else { return nil }
            return entries.removeValue(forKey: eldest.key)?.session
        }
        eldest?.close()
    }

    func end(_ id: String) { entries.withLock { $0.removeValue(forKey: id) }?.session.close() }

    /// Ends those that nobody uses any more.
    func expire() {
        let now = now()
        let over = entries.withLock { entries in
            let over = entries.filter { isOver($0.value, now) }
            for id in over.keys { entries[id] = nil }
            return over
        }
        for entry in over.values { entry.session.close() }
    }

    func endAll() {
        let all = entries.withLock { entries in
            defer { entries = [:] }
            return entries
        }
        for entry in all.values { entry.session.close() }
    }

    private func isOver(_ entry: Entry, _ now: ContinuousClock.Instant) -> Bool {
        now - entry.lastUse > validity && !entry.session.isBusy
    }
}
