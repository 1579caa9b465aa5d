import Foundation
import GRDB

extension Store {
    /// Creates a task and claims it in one commit, for a process that runs what it was asked for itself.
    ///
    /// `id` is chosen by the caller when files had to be made under its name before.
    package func enqueueAndClaim(
        _ spec: TaskSpec, id: TaskID = .random(), frozen: FrozenAttempt, instance: InstanceIdentity
    ) throws(StoreError) -> Claim {
        try write(.full) { db in
            let moment = Moment()
            try db.insert(id, spec, state: .queued, at: moment)
            try db.log(.taskQueued, id, at: moment)
            guard let claim = try db.claim(id, frozen, instance, at: moment) else {
                throw StoreError(.io, "The new task \(id) could not be claimed.")
            }
            return claim
        }
    }

    /// Claims a queued task; nil when it is not queued any more or was asked to stop.
    package func claim(
        _ id: TaskID, frozen: FrozenAttempt, instance: InstanceIdentity
    ) throws(StoreError) -> Claim? {
        try write(.full) { db in try db.claim(id, frozen, instance, at: Moment()) }
    }
}

extension Database {
    fileprivate func claim(
        _ id: TaskID, _ frozen: FrozenAttempt, _ instance: InstanceIdentity, at moment: Moment
    ) throws -> Claim? {
        try execute(
            sql: "UPDATE task SET state = ? WHERE id = ? AND state = ? AND stop_reason_json IS NULL",
            arguments: [TaskState.starting.rawValue, id.text, TaskState.queued.rawValue])
        guard changesCount == 1 else { return nil }
        try insert(instance)
        let number =
            try Int.fetchOne(
                self, sql: "SELECT coalesce(max(number), 0) + 1 FROM attempt WHERE task_id = ?", arguments: [id.text])
            ?? 1
        let nonce = RandomBytes.make(16)
        try execute(
            sql: """
                INSERT INTO attempt (task_id, number, instance_id, nonce, boot_id, state, frozen_json, claimed_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                id.text, number, instance.id.text, Data(nonce), instance.bootID, AttemptState.claimed.rawValue,
                try JSONText.encode(frozen), moment.wall.milliseconds,
            ])
        let claim = Claim(taskID: id, attempt: number, fence: lastInsertedRowID, nonce: nonce)
        try log(
            .attemptClaimed, id, attempt: number, at: moment,
            ["instance": .string(instance.id.text), "policyDigest": .string(frozen.policyDigest)])
        return claim
    }
}
