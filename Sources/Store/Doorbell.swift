import GRDB
import Glibc
import Polling
import Synchronization

/// The file that every committed transaction pokes, so that other processes notice at once. It carries no information, and
/// nothing is wrong when it is missed.
final class DoorbellFile: Sendable {
    private let descriptor: Int32

    init(_ paths: StatePaths) throws(StoreError) {
        descriptor = open(paths.doorbell, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw StateDirectory.failure(errno, creating: paths.doorbell) }
    }

    deinit {
        close(descriptor)
    }

    func ring() {
        var byte: UInt8 = 0
        // A poke that fails (a full disk) is made good by the followers' slow tick.
        _ = pwrite(descriptor, &byte, 1, 0)
    }
}

extension Store {
    /// Yields soon after somebody commits, here or in another process, and about once a second in any case.
    ///
    /// Several changes may be told as one. A reader asks the database what is new after each; the first element comes
    /// at once, so a loop over this needs no query before it.
    package func changes() -> AsyncStream<Void> {
        AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            continuation.yield()
            let watch = Doorbell(self) { continuation.yield() }
            continuation.onTermination = { _ in watch.cancel() }
        }
    }
}

/// Calls back when the doorbell rings: by inotify, or where that cannot be had by asking SQLite every 50 ms.
private final class Doorbell: Sendable {
    private let watch: PollThread

    init(_ store: Store, _ callback: @escaping @Sendable () -> Void) {
        let inotify = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
        if inotify >= 0, inotify_add_watch(inotify, store.paths.doorbell, UInt32(IN_MODIFY)) >= 0 {
            watch = PollThread([inotify], tick: 1000, onTick: callback) { _ in
                var discarded = [UInt8](repeating: 0, count: 4096)
                while read(inotify, &discarded, discarded.count) > 0 {}
                callback()
                return true
            }
        } else {
            if inotify >= 0 { close(inotify) }
            let seen = LastVersion(store)
            watch = PollThread([], tick: 50, onTick: { if seen.isWorthTelling() { callback() } }) { _ in true }
        }
    }

    func cancel() { watch.cancel() }
}

/// What SQLite says changes with every commit: `data_version` for others' and `total_changes` for our own.
private final class LastVersion: Sendable {
    private let store: Store
    private let seen = Mutex<(versions: [Int64], quiet: Int)>(([], 0))
    /// Polls of 50 ms in a second.
    private static let longestQuiet = 20

    init(_ store: Store) {
        self.store = store
    }

    /// True when something changed, after a second without a change, and when it cannot be told: then the reader finds out
    /// what is wrong.
    func isWorthTelling() -> Bool {
        let now: [Int64]
        do {
            now = try store.database.unsafeRead { db in
                [
                    try Int64.fetchOne(db, sql: "PRAGMA data_version") ?? 0,
                    try Int64.fetchOne(db, sql: "SELECT total_changes()") ?? 0,
                ]
            }
        } catch {
            return true
        }
        return seen.withLock { seen in
            let worthTelling = seen.versions != now || seen.quiet >= Self.longestQuiet
            seen = (now, worthTelling ? 0 : seen.quiet + 1)
            return worthTelling
        }
    }
}
