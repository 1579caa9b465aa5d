import GRDB
import Glibc

/// Why the store could not do what was asked; when it is thrown by `open` or by a transaction, nothing has been changed.
package struct StoreError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// The state directory cannot be created or reached.
        case directory = "store.directory"
        /// The state directory belongs to somebody else or others may write to it.
        case unsafe = "store.unsafe"
        /// A newer Claudine has written the database.
        case newer = "store.newer"
        case notADatabase = "store.notADatabase"
        /// Truncated or damaged.
        case corrupt = "store.corrupt"
        case readOnly = "store.readOnly"
        case full = "store.full"
        case busy = "store.busy"
        /// It is not any more where it was opened.
        case moved = "store.moved"
        /// Any other failure of the file system.
        case io = "store.io"
        /// A value that cannot be stored.
        case input = "store.input"
        /// As many tasks wait as may.
        case queueFull = "queue.full"
        /// There is no task of that name to wait for.
        case dependencyMissing = "dependency.missing"
        /// It would wait for itself, for one task twice, or for too many.
        case dependencyInvalid = "dependency.invalid"
        /// A task that has not ended works in the same private home.
        case homeInUse = "task.homeInUse"
        /// Another task was made with the same idempotency key.
        case idempotencyConflict = "idempotency.conflict"
    }

    package let code: Code
    package let message: String
    package let hint: String?

    package init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    package var description: String { "[\(code.rawValue)] \(message)" }
}

extension StoreError {
    /// Whether the same may be taken a moment later. Damage does not pass, and what is no database does not become one.
    package var mayPass: Bool { [.busy, .full, .io, .readOnly].contains(code) }
    /// Translates what SQLite said about the database at `path`.
    init(_ error: any Error, path: String) {
        if let error = error as? StoreError {
            self = error
            return
        }
        guard let error = error as? DatabaseError else {
            self.init(.io, "The database \(path) failed: \(error)")
            return
        }
        switch error.resultCode {
        case .SQLITE_NOTADB:
            self.init(.notADatabase, "\(path) is not a Claudine database.", hint: Self.moveAway)
        case .SQLITE_CORRUPT:
            self.init(.corrupt, "The database \(path) is damaged.", hint: Self.moveAway)
        case .SQLITE_CANTOPEN where Self.isPermitted(path):
            self.init(
                .io, "The database \(path) cannot be opened, although nothing forbids it.",
                hint: "Perhaps too many files are open, or its file system has no inodes left.")
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH, .SQLITE_CANTOPEN:
            self.init(
                .readOnly, "The database \(path) cannot be written.",
                hint: "Check the permissions of the state directory, or choose another with --state-dir.")
        case .SQLITE_FULL:
            self.init(
                .full, "No space is left for the database \(path).",
                hint: "Free some space, or choose another state directory with --state-dir.")
        // PROTOCOL: somebody lets nobody even begin to read (https://www.sqlite.org/rescode.html#protocol).
        case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_PROTOCOL:
            self.init(
                .busy, "The database \(path) was locked by another process for more than \(Store.busySeconds) s.",
                hint: "Try again; if it stays so, see which process holds it with `fuser -v \(path)`.")
        case .SQLITE_IOERR where error.extendedResultCode == .SQLITE_IOERR_SHORT_READ:
            self.init(.corrupt, "The database \(path) is truncated.", hint: Self.moveAway)
        default:
            self.init(
                .io, "The database \(path) failed: \(error.message ?? "\(error.resultCode)").",
                hint: "The kernel's log (dmesg) may say what is wrong with the disk.")
        }
    }

    static func moved(_ path: String) -> StoreError {
        StoreError(
            .moved, "The database \(path) was moved, replaced or deleted while it was in use.",
            hint: "Move it back, or give its new place with --state-dir; what was recorded until then is in it.")
    }

    /// Asked by name: opening a file that SQLite has open, and closing it, would take away its locks.
    private static func isPermitted(_ path: String) -> Bool {
        let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        return access(path, R_OK | W_OK) == 0 && access(directory, W_OK | X_OK) == 0
    }

    static let moveAway =
        "Nothing was changed. Restore it from a backup, or move it away and Claudine starts with an empty one."
}
