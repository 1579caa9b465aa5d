import Foundation
import GRDB

extension Store {
    /// Writes down the wish that a task stops; nil when there is no such task.
    ///
    /// The first reason is a latch: later wishes cannot change it, only add `force`. A task that nobody has claimed ends here.
    package func requestStop(
        _ id: TaskID, by origin: StopOrigin, force: Bool = false
    ) throws(StoreError) -> StopResult? {
        let (result, instance) = try write(.full) { db in
            (try db.requestStop(id, by: origin, force: force), try db.instance(running: id))
        }
        if let instance { InstanceBell.ring(paths.instanceBell(instance)) }
        return result
    }

    /// The wish to stop that the holder of `claim` has to act on, if there is one.
    package func stopRequest(for claim: Claim) throws(StoreError) -> StopRequest? {
        try read { db in try db.stopRequest(claim) }
    }
}

extension Database {
    fileprivate func requestStop(_ id: TaskID, by origin: StopOrigin, force: Bool) throws -> StopResult? {
        guard let standing = try standing(id), let state = try state(of: id) else { return nil }
        let moment = Moment()
        switch StateMachine.row(.ask)[standing] {
        case .ignored: return .alreadyEnded(state)
        case .to:
            // What waits is where a handover is to bring it.
            guard origin.isForGood else { return .recorded }
            _ = try take(.ask, id, at: moment, ending: Ending(origin.reason))
            return .cancelledAtOnce
        case .stays: break
        }
        if origin.isForGood { try execute(sql: "UPDATE task SET give_up = 1 WHERE id = ?", arguments: [id.text]) }
        var before = try stopRequest(id)
        // A daemon that hands its task over does not want it to end: whoever does is the first.
        if origin.isForGood, before?.reason == StopOrigin.handover.reason {
            try execute(
                sql: "UPDATE task SET stop_reason_json = NULL, stop_requested_at = NULL WHERE id = ?",
                arguments: [id.text])
            before = nil
        }
        if before == nil || (force && before?.force == false) {
            try latch(id, origin.reason, force: force, at: moment)
            let reason = before?.reason ?? origin.reason
            _ = try take(
                .ask, id, at: moment, ending: Ending(origin.reason), ["reason": reason.json, "force": .bool(force)])
        }
        if let before { return .alreadyStopping(before.reason) }
        return .recorded
    }

    /// Who runs the task's live attempt.
    fileprivate func instance(running id: TaskID) throws -> InstanceID? {
        try String.fetchOne(
            self, sql: "SELECT instance_id FROM attempt WHERE task_id = ? AND ended_at IS NULL", arguments: [id.text]
        ).map(InstanceID.init(text:))
    }

    /// The first reason stays; `force` is only ever added.
    func latch(_ id: TaskID, _ reason: Reason, force: Bool, at moment: Moment) throws {
        try execute(
            sql: """
                UPDATE task SET stop_reason_json = coalesce(stop_reason_json, ?),
                    stop_requested_at = coalesce(stop_requested_at, ?), stop_force = max(stop_force, ?)
                WHERE id = ? AND ended_at IS NULL
                """,
            arguments: [try JSONText.encode(reason), moment.wall.milliseconds, force ? 1 : 0, id.text])
    }

    func stopRequest(_ id: TaskID) throws -> StopRequest? {
        let row = try Row.fetchOne(
            self, sql: "SELECT stop_reason_json, stop_force FROM task WHERE id = ? AND stop_reason_json IS NOT NULL",
            arguments: [id.text])
        guard let row else { return nil }
        return StopRequest(
            reason: try JSONText.decode(Reason.self, from: row.decode(forColumn: "stop_reason_json")),
            force: try row.decode(Int.self, forColumn: "stop_force") != 0)
    }

    func stopRequest(_ claim: Claim) throws -> StopRequest? {
        try isLive(claim) ? stopRequest(claim.taskID) : nil
    }

    /// Whether `claim` is that of an attempt that has not ended.
    func isLive(_ claim: Claim) throws -> Bool {
        try Int.fetchOne(
            self,
            sql: """
                SELECT 1 FROM attempt
                WHERE fence = ? AND task_id = ? AND number = ? AND nonce = ? AND ended_at IS NULL
                """,
            arguments: [claim.fence, claim.taskID.text, claim.attempt, Data(claim.nonce)]) != nil
    }
}

extension Database {
    func state(of id: TaskID) throws -> TaskState? {
        try String.fetchOne(self, sql: "SELECT state FROM task WHERE id = ?", arguments: [id.text])
            .flatMap(TaskState.init(rawValue:))
    }
}
