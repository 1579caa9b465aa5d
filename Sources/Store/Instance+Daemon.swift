import GRDB
import Glibc

/// What an instance is for.
enum InstanceRole: String {
    /// It runs the tasks that it made itself.
    case run
    /// It runs everybody's.
    case daemon
}

/// The daemon of a state directory, as others see it.
package struct DaemonInfo: Equatable, Sendable {
    package var identity: InstanceIdentity
    /// What it last wrote about itself.
    package var status: JSONValue?
    /// It takes nothing any more: what is enqueued now needs another.
    package var isLeaving: Bool
}

extension Store {
    /// Takes the lock that makes this process the one daemon of the state directory; nil when another holds it.
    ///
    /// Whoever asks whether it is held takes it, shared, for a moment; that is not another daemon.
    package func lockDaemon() throws(StoreError) -> FileLock? {
        for _ in 0..<Self.lockAttempts {
            if let lock = try FileLock.attempt(paths.daemonLock) { return lock }
            usleep(10_000)
        }
        return nil
    }

    /// A fifth of a second in all; the moments are some microseconds.
    private static let lockAttempts = 20

    /// Makes it known that `instance` takes the queue's tasks.
    package func announceDaemon(_ instance: InstanceIdentity, status: JSONValue) throws(StoreError) {
        try write(.normal) { db in
            try db.insert(instance, role: .daemon)
            try db.execute(
                sql: "UPDATE instance SET role = 'daemon', status_json = ? WHERE id = ?",
                arguments: [try JSONText.encode(status), instance.id.text])
        }
    }

    /// The daemon that is alive; nil when there is none. Its lock is the proof, its row only says more.
    package func daemon() throws(StoreError) -> DaemonInfo? {
        let known = try read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM instance WHERE role = 'daemon' ORDER BY number DESC").map { row in
                DaemonInfo(
                    identity: try InstanceIdentity(row: row),
                    status: try row.decode(String?.self, forColumn: "status_json")
                        .map { try JSONText.decode(JSONValue.self, from: $0) },
                    isLeaving: try row.decode(forColumn: "leaving"))
            }
        }
        for daemon in known where try isAlive(daemon.identity.id) { return daemon }
        return nil
    }

    /// Ends the daemon's service unless there is something for it to do: after this says true, nothing was or will be enqueued that
    /// counts on it.
    package func leave(_ instance: InstanceIdentity, evenWithQueue: Bool = false) throws(StoreError) -> Bool {
        try write(.normal) { db in
            let work = try db.work(for: instance)
            guard work == 0 || evenWithQueue else { return false }
            try db.execute(sql: "UPDATE instance SET leaving = 1 WHERE id = ?", arguments: [instance.id.text])
            return true
        }
    }
}

extension InstanceIdentity {
    init(row: Row) throws {
        self.init(
            id: InstanceID(text: try row.decode(forColumn: "id")),
            host: try row.decode(forColumn: "host"),
            bootID: try row.decode(forColumn: "boot_id"),
            process: ProcessIdentity(
                pid: try row.decode(forColumn: "pid"), startTime: try row.decode(forColumn: "start_time")),
            registeredAt: Timestamp(milliseconds: try row.decode(forColumn: "registered_at")),
            directory: try row.decode(forColumn: "directory"))
    }
}
