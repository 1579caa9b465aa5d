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
}

extension Store {
    /// Oldest claim first.
    package func unfinishedAttempts() throws(StoreError) -> [UnfinishedAttempt] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT attempt.*, task.stop_reason_json AS latched, task.stop_force, task.owner
                    FROM attempt INDEXED BY attempt_one_live JOIN task ON task.id = attempt.task_id
                    WHERE attempt.ended_at IS NULL ORDER BY fence
                    """
            ).map(UnfinishedAttempt.init(row:))
        }
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
        exit = try row.decode(String?.self, forColumn: "exit_facts_json")
            .map { try JSONText.decode(ExitFacts.self, from: $0) }
    }
}
