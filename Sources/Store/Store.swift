import GRDB
import Glibc
import Synchronization

/// The one place where tasks are known: an SQLite database that every process of this user opens for itself.
///
/// All functions are synchronous, may be called from any thread, and block while another process writes: `busySeconds` at
/// most, then they throw `store.busy`. A transaction that throws has changed nothing.
package final class Store: Sendable {
    static let busySeconds = 10
    /// Pages of 4 KiB in the log; SQLite's own default is 1000.
    private static let checkpointPages = 250

    package let paths: StatePaths
    let database: DatabaseQueue
    private let bell: DoorbellFile

    private let use: DirectoryUse
    private let file: FileIdentity
    private let bootID: String
    private let hasWritten = Atomic(false)

    private init(
        paths: StatePaths, database: DatabaseQueue, bell: DoorbellFile, use: DirectoryUse, file: FileIdentity,
        bootID: String
    ) {
        self.paths = paths
        self.database = database
        self.bell = bell
        self.use = use
        self.file = file
        self.bootID = bootID
    }

    deinit {
        // Before `use` ends. What a failing close leaves to do, the next process that opens the database does.
        try? database.close()
    }

    /// Opens the store in `directory` (absolute), making it when there is none and bringing an older one up to date.
    package static func open(directory: String) throws(StoreError) -> Store {
        try open(StatePaths(directory: directory))
    }

    package static func open(_ paths: StatePaths) throws(StoreError) -> Store {
        try StateDirectory.prepare(paths)
        return try DirectoryUse.opening(paths) { (use, isFirst) throws(StoreError) in
            let isCurrent = isFirst ? try inspect(paths) : true
            let database = try connect(paths)
            // The header may be behind the log, so SQLite has the last word.
            let version = try version(of: database, paths)
            if !isCurrent || version < Schema.version { try migrate(database, paths) }
            guard let file = FileIdentity(of: paths.database) else { throw StoreError.moved(paths.database) }
            return Store(
                paths: paths, database: database, bell: try DoorbellFile(paths), use: use, file: file,
                bootID: try Host.bootID())
        }
    }

    /// Ends the connection; the last process to do so also folds the log into the database.
    package func close() throws(StoreError) {
        do { try database.close() } catch { throw StoreError(error, path: paths.database) }
    }
}

extension Store {
    /// Runs `body` in one immediate transaction, commits it with `durability`, and rings the doorbell.
    func write<Value>(
        _ durability: Durability, _ body: (Database) throws -> Value
    ) throws(StoreError) -> Value {
        try checkPlace()
        let value: Value
        do {
            value = try database.writeWithoutTransaction { db in
                do {
                    return try commit(db, durability, body)
                } catch let error as DatabaseError where error.resultCode == .SQLITE_IOERR {
                    // A commit that could not be synced is rolled back here, but it stands in the log, and whoever reads that through
                    // next would find it there. Any page written now takes its place; the first error is the one that counts.
                    try? db.execute(literal: "PRAGMA user_version = \(sql: String(Schema.version))")
                    throw error
                }
            }
        } catch {
            throw StoreError(error, path: paths.database)
        }
        hasWritten.store(true, ordering: .relaxed)
        bell.ring()
        return value
    }

    private func commit<Value>(
        _ db: Database, _ durability: Durability, _ body: (Database) throws -> Value
    ) throws -> Value {
        try db.execute(literal: "PRAGMA synchronous = \(sql: durability.rawValue)")
        var result: Value?
        try db.inTransaction(.immediate) {
            if !hasWritten.load(ordering: .relaxed) { try db.leaveGapBehindLostEvents(bootID: bootID) }
            result = try body(db)
            return .commit
        }
        guard let result else { throw StoreError(.io, "A transaction ended without a result.") }
        return result
    }

    /// What is open may have been deleted, replaced or moved: then nobody would ever find what is written there, or hear of what
    /// others write.
    package func checkPlace() throws(StoreError) {
        guard FileIdentity(of: paths.database) == file else { throw StoreError.moved(paths.database) }
    }

    /// Runs `body` on one consistent state of the database.
    func read<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        try checkPlace()
        do {
            return try database.unsafeRead { db in
                var result: Value?
                try db.inTransaction(.deferred) {
                    result = try body(db)
                    return .commit
                }
                guard let result else { throw StoreError(.io, "A query ended without a result.") }
                return result
            }
        } catch {
            throw StoreError(error, path: paths.database)
        }
    }
}

extension Store {
    /// Looks at the database before SQLite may touch it; false when there is none yet or it may need a step of migration.
    private static func inspect(_ paths: StatePaths) throws(StoreError) -> Bool {
        switch try DatabaseFile.inspect(paths) {
        case .present(let header):
            try refuseForeign(header.applicationID, header.userVersion, paths)
            return header.isWAL
        case .missing:
            // SQLite gives its log and index files the permissions of the database, so those are decided here.
            let file = Glibc.open(paths.database, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard file >= 0 else { throw StateDirectory.failure(errno, creating: paths.database) }
            Glibc.close(file)
            return false
        }
    }

    private static func connect(_ paths: StatePaths) throws(StoreError) -> DatabaseQueue {
        var configuration = Configuration()
        configuration.busyMode = .timeout(Double(busySeconds))
        configuration.foreignKeysEnabled = true
        configuration.label = "Store"
        configuration.prepareDatabase { db in
            // Whoever opens the store alone reads the log through first: a short one costs a short task less.
            try db.execute(sql: "PRAGMA wal_autocheckpoint = \(checkpointPages)")
        }
        do {
            return try DatabaseQueue(path: paths.database, configuration: configuration)
        } catch {
            throw StoreError(error, path: paths.database)
        }
    }

    private static func version(of database: DatabaseQueue, _ paths: StatePaths) throws(StoreError) -> Int64 {
        let found: (application: Int64, version: Int64)
        do {
            found = try database.unsafeRead { db in
                // In one transaction: somebody else may be making the database at this moment.
                var found: (Int64, Int64) = (0, 0)
                try db.inTransaction(.deferred) {
                    found.0 = try Int64.fetchOne(db, sql: "PRAGMA application_id") ?? 0
                    found.1 = try Int64.fetchOne(db, sql: "PRAGMA user_version") ?? 0
                    return .commit
                }
                return found
            }
        } catch {
            throw StoreError(error, path: paths.database)
        }
        try refuseForeign(found.application, found.version, paths)
        return found.version
    }

    /// An empty database that nobody has marked may be ours; anything else has to say so.
    private static func refuseForeign(
        _ application: Int64, _ version: Int64, _ paths: StatePaths
    ) throws(StoreError) {
        guard application == Schema.applicationID || (application == 0 && version == 0) else {
            throw StoreError(
                .notADatabase, "\(paths.database) is the database of another program.", hint: StoreError.moveAway)
        }
        guard version <= Schema.version else {
            throw StoreError(
                .newer,
                "\(paths.database) was written by a newer Claudine (schema \(version); this one knows \(Schema.version)).",
                hint: "Use that version, or another state directory with --state-dir. Nothing was changed.")
        }
    }

    /// Under a lock, because SQLite's busy handler does not cover the change to WAL.
    private static func migrate(_ database: DatabaseQueue, _ paths: StatePaths) throws(StoreError) {
        let lock = try FileLock.wait(for: paths.migrationLock)
        try withExtendedLifetime(lock) { () throws(StoreError) in try takeSteps(database, paths) }
    }

    /// SQLite does not wait for others here (https://www.sqlite.org/pragma.html#pragma_journal_mode): whoever reads the new database
    /// at this moment, a backup or a curious shell, would make the first command fail.
    private static func changeToLog(_ db: Database) throws -> String? {
        let deadline = boottimeNanoseconds() + Int64(busySeconds) * 1_000_000_000
        while true {
            do {
                return try String.fetchOne(db, sql: "PRAGMA journal_mode = WAL")
            } catch let error as DatabaseError
                where error.resultCode == .SQLITE_BUSY && boottimeNanoseconds() < deadline
            {
                usleep(10_000)
            }
        }
    }

    private static func takeSteps(_ database: DatabaseQueue, _ paths: StatePaths) throws(StoreError) {
        do {
            try database.writeWithoutTransaction { db in
                let current = try Int64.fetchOne(db, sql: "PRAGMA user_version") ?? 0
                if current == 0, try Int64.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema") != 0 {
                    throw StoreError(
                        .notADatabase, "\(paths.database) is the database of another program.",
                        hint: StoreError.moveAway)
                }
                let mode = try changeToLog(db)
                guard mode == "wal" else {
                    throw StoreError(.io, "The file system of \(paths.database) does not allow a write-ahead log.")
                }
                try db.execute(sql: "PRAGMA synchronous = FULL")
                try db.inTransaction(.immediate) {
                    let current = try Int64.fetchOne(db, sql: "PRAGMA user_version") ?? 0
                    if current < Schema.version { try Schema.migrate(db, from: current) }
                    return .commit
                }
                try StateDirectory.syncNames(paths)
            }
        } catch {
            throw StoreError(error, path: paths.database)
        }
    }
}
