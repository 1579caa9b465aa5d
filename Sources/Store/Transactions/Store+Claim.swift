import Foundation
import GRDB

/// What came of the wish to run a queued task.
package enum ClaimResult: Equatable, Sendable {
    case claimed(Claim)
    /// As many attempts run as may, over all instances.
    case noSlot(running: Int)
    /// It is not queued any more, belongs to another instance, is not to be tried yet, or was prepared as another attempt.
    case notNow
}

extension Store {
    /// Claims a queued task: slot, fence and frozen configuration are one commit.
    ///
    /// - Parameter attempt: the number it was prepared for.
    package func claim(
        _ id: TaskID, attempt: Int, frozen: FrozenAttempt, instance: InstanceIdentity, bounds: QueueBounds
    ) throws(StoreError) -> ClaimResult {
        try write(StateMachine.row(.claim).durability) { db in
            let running = try db.runningAttempts()
            guard running < bounds.running else { return .noSlot(running: running) }
            guard try db.nextAttempt(of: id) == attempt else { return .notNow }
            guard let claim = try db.claim(id, frozen, instance, at: Moment()) else { return .notNow }
            return .claimed(claim)
        }
    }
}

extension Database {
    /// Nil when the task is not queued, was asked to stop, belongs to another instance or is not to be tried yet.
    func claim(
        _ id: TaskID, _ frozen: FrozenAttempt, _ instance: InstanceIdentity, at moment: Moment
    ) throws -> Claim? {
        guard let standing = try standing(id), StateMachine.row(.claim)[standing] == .to(.claimed) else { return nil }
        // A queue deadline is about the first claim: what is tried again has kept it.
        try execute(
            sql: """
                UPDATE task SET state = ?, queue_deadline = NULL, queue_deadline_boottime = NULL
                WHERE id = ? AND state = 'queued' AND stop_reason_json IS NULL AND (owner IS NULL OR owner = ?)
                    AND (not_before_boottime IS NULL OR clock_boot = ? AND not_before_boottime <= ?)
                """,
            arguments: [
                TaskState.starting.rawValue, id.text, instance.id.text, instance.bootID, moment.boottime,
            ])
        guard changesCount == 1 else { return nil }
        try insert(instance, role: .run)
        let number = try nextAttempt(of: id)
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
            StateMachine.row(.claim).logged, id, attempt: number, at: moment,
            ["instance": .string(instance.id.text), "policyDigest": .string(frozen.policyDigest)])
        return claim
    }

    func nextAttempt(of id: TaskID) throws -> Int {
        try Int.fetchOne(
            self, sql: "SELECT coalesce(max(number), 0) + 1 FROM attempt WHERE task_id = ?", arguments: [id.text]) ?? 1
    }
}
