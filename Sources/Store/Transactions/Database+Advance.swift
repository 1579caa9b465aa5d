import Foundation
import GRDB

/// What a transition writes into the attempt's row besides its state.
typealias Columns = [(name: String, value: (any DatabaseValueConvertible)?)]

extension Database {
    /// Takes `transition` if the fence is the live one and both states allow it; false, and nothing changed, otherwise.
    func advance(
        _ claim: Claim, _ transition: Transition, at moment: Moment, setting columns: Columns,
        _ data: JSONValue = [:]
    ) throws -> Bool {
        let assignments = columns.map { ", \($0.name) = ?" }.joined()
        try execute(
            sql: """
                UPDATE attempt SET state = ?\(assignments)
                WHERE fence = ? AND task_id = ? AND number = ? AND nonce = ?
                    AND state IN (\(list(transition.attempt.map(\.rawValue))))
                    AND EXISTS (
                        SELECT 1 FROM task
                        WHERE id = task_id AND state IN (\(list(transition.task.map(\.rawValue)))))
                """,
            arguments: StatementArguments([transition.attemptTo.rawValue] + columns.map(\.value))
                + [claim.fence, claim.taskID.text, claim.attempt, Data(claim.nonce)])
        guard changesCount == 1 else { return false }
        if let state = transition.taskTo {
            try execute(
                sql: "UPDATE task SET state = ? WHERE id = ?", arguments: [state.rawValue, claim.taskID.text])
        }
        try log(transition.event, claim.taskID, attempt: claim.attempt, at: moment, data)
        return true
    }

    /// Gives a task its final state unless it has one; false, and nothing changed, otherwise.
    func endTask(_ task: TaskID, _ state: TaskState, _ reason: Reason?, at moment: Moment) throws -> Bool {
        try execute(
            sql: "UPDATE task SET state = ?, reason_json = ?, ended_at = ? WHERE id = ? AND ended_at IS NULL",
            arguments: [
                state.rawValue, try reason.map { try JSONText.encode($0) }, moment.wall.milliseconds, task.text,
            ])
        guard changesCount == 1 else { return false }
        var data: [String: JSONValue] = ["state": .string(state.rawValue)]
        data["reason"] = reason?.json
        try log(.taskEnded, task, at: moment, .object(data))
        return true
    }

    /// Only names from our own enumerations get here, so quoting is all there is to do.
    private func list(_ names: [String]) -> String {
        names.map { "'\($0)'" }.joined(separator: ", ")
    }
}
