import Foundation
import GRDB

/// An attempt that has not ended, with all that recovery needs to find out what became of it.
package struct UnfinishedAttempt: Equatable, Sendable {
    package var claim: Claim
    package var instance: InstanceID
    /// The instance that alone may run the task; nil for the daemon's.
    package var owner: InstanceID?
    /// Of the boot it was claimed in; under another one nothing of it can be alive.
    package var bootID: String
    package var state: AttemptState
    package var frozen: FrozenAttempt
    package var claimedAt: Timestamp
    package var startedAt: Timestamp?
    package var shepherd: ProcessIdentity?
    package var child: ProcessIdentity?
    package var stop: StopRequest?
    package var exit: ExitFacts?
    /// The state directory of its instance, by device and inode; nil where that was not written down yet.
    package var directory: String?
}

/// Attempts that have not ended, oldest claim first.
package struct UnfinishedAttempts: Sendable {
    package var attempts: [UnfinishedAttempt] = []
    /// What cannot be looked at, by task: it does not hide the others.
    package var unreadable: [(task: String, error: StoreError)] = []
}

extension Store {
    /// - Parameter forsaken: leaves out, without reading them, those whose instance is alive, but for these fences; nil gives all.
    package func unfinished(orphanedOr forsaken: Set<Int64>? = nil) throws(StoreError) -> UnfinishedAttempts {
        var alive: [String: Bool] = [:]
        return try read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT attempt.*, task.stop_reason_json AS latched, task.stop_force, task.owner, instance.directory
                    FROM attempt INDEXED BY attempt_one_live JOIN task ON task.id = attempt.task_id
                        LEFT JOIN instance ON instance.id = attempt.instance_id
                    WHERE attempt.ended_at IS NULL ORDER BY fence
                    """)
            var found = UnfinishedAttempts()
            for row in rows {
                do {
                    if let forsaken, try !forsaken.contains(row.decode(forColumn: "fence")) {
                        let instance: String = try row.decode(forColumn: "instance_id")
                        let lives = try alive[instance] ?? isAlive(InstanceID(text: instance))
                        alive[instance] = lives
                        guard !lives else { continue }
                    }
                    found.attempts.append(try UnfinishedAttempt(row: row))
                } catch {
                    found.unreadable.append(
                        (try row.decode(forColumn: "task_id"), StoreError(error, path: paths.database)))
                }
            }
            return found
        }
    }

    /// Whether `attempt` was claimed in another state directory, of which this one is a copy: what runs there is none of ours.
    package func isCopied(_ attempt: UnfinishedAttempt) -> Bool {
        guard let directory = attempt.directory else { return false }
        return directory != FileIdentity(of: paths.directory)?.text
    }
}

extension UnfinishedAttempt {
    fileprivate init(row: Row) throws {
        let id: String = try row.decode(forColumn: "task_id")
        let stateName: String = try row.decode(forColumn: "state")
        guard let taskID = TaskID(id), let state = AttemptState(rawValue: stateName) else {
            throw StoreError(.corrupt, "An attempt's row cannot be read: \(id), \(stateName).")
        }
        func process(_ prefix: String) throws -> ProcessIdentity? {
            guard let pid = try row.decode(Int32?.self, forColumn: prefix + "_pid") else { return nil }
            return ProcessIdentity(pid: pid, startTime: try row.decode(forColumn: prefix + "_start_time"))
        }
        claim = Claim(
            taskID: taskID, attempt: try row.decode(forColumn: "number"), fence: try row.decode(forColumn: "fence"),
            nonce: Array(try row.decode(Data.self, forColumn: "nonce")))
        instance = InstanceID(text: try row.decode(forColumn: "instance_id"))
        owner = try row.decode(String?.self, forColumn: "owner").map(InstanceID.init(text:))
        bootID = try row.decode(forColumn: "boot_id")
        self.state = state
        frozen = try JSONText.decode(FrozenAttempt.self, from: row.decode(forColumn: "frozen_json"))
        claimedAt = Timestamp(milliseconds: try row.decode(forColumn: "claimed_at"))
        startedAt = try row.decode(Int64?.self, forColumn: "started_at").map(Timestamp.init(milliseconds:))
        shepherd = try process("shepherd")
        child = try process("child")
        if let text = try row.decode(String?.self, forColumn: "latched") {
            stop = StopRequest(
                reason: try JSONText.decode(Reason.self, from: text),
                force: try row.decode(Int.self, forColumn: "stop_force") != 0)
        }
        directory = try row.decode(forColumn: "directory")
        exit = try row.decode(String?.self, forColumn: "exit_facts_json")
            .map { try JSONText.decode(ExitFacts.self, from: $0) }
    }
}
