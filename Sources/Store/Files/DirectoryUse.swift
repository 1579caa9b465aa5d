import Glibc
import Synchronization

/// Counts how often this process has a state directory open, so that its database is looked at from outside SQLite only
/// while nobody here has it open.
///
/// POSIX locks belong to the process: closing any descriptor of a file drops all of them, SQLite's too
/// (https://www.sqlite.org/howtocorrupt.html, 2.2).
final class DirectoryUse: Sendable {
    private static let counts = Mutex<[FileIdentity: Int]>([:])

    private let key: FileIdentity

    private init(key: FileIdentity) {
        self.key = key
    }

    /// Runs `body` while nobody else in this process opens or leaves a store; it is told whether it is the first one here,
    /// and must end its connection before it lets go of the token.
    static func opening<Value: Sendable>(
        _ paths: StatePaths, _ body: (DirectoryUse, _ isFirst: Bool) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        guard let key = FileIdentity(of: paths.directory) else {
            throw StateDirectory.failure(errno, creating: paths.directory)
        }
        return try gate.withLock { (_) throws(StoreError) in
            let isFirst = counts.withLock { counts in
                counts[key, default: 0] += 1
                return counts[key] == 1
            }
            return try body(DirectoryUse(key: key), isFirst)
        }
    }

    /// Not the lock of the counts, because a token may end inside `body`.
    private static let gate = Mutex<Void>(())

    deinit {
        Self.counts.withLock { counts in
            let left = counts[key, default: 1] - 1
            counts[key] = left == 0 ? nil : left
        }
    }
}
