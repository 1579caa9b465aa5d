import Foundation
import GRDB

/// What an event writes into the attempt's row besides its state.
typealias Columns = [(name: String, value: (any DatabaseValueConvertible)?)]

/// What came of an event.
enum Step: Equatable {
    case taken(StateMachine.Effect?)
    /// It has no meaning where the task stands; that was counted.
    case ignored
    /// There is no such attempt, or no such task.
    case stale

    var isTaken: Bool {
        if case .taken = self { return true }
        return false
    }
}

extension Database {
    /// An event of an attempt: does what the state machine's table says, under the claim's fence.
    func take(
        _ event: StateMachine.Event, _ claim: Claim, at moment: Moment, setting columns: Columns = [],
        _ data: JSONValue = [:]
    ) throws -> Step {
        guard let standing = try standing(claim) else { return .stale }
        let row = StateMachine.row(event)
        switch row[standing] {
        case .ignored:
            try execute(sql: "UPDATE attempt SET ignored = ignored + 1 WHERE fence = ?", arguments: [claim.fence])
            return .ignored
        case .stays:
            try write(columns, claim, from: standing, to: standing.attempt)
        case .to(let next):
            // The attempt is over also where its task goes back to the queue.
            try write(columns, claim, from: standing, to: next.attempt ?? .ended)
            if let task = next.task {
                try execute(
                    sql: "UPDATE task SET state = ? WHERE id = ? AND ended_at IS NULL",
                    arguments: [task.rawValue, claim.taskID.text])
            }
        }
        try log(row.logged, claim.taskID, attempt: claim.attempt, at: moment, data)
        return .taken(row.effect)
    }

    /// An event of a task, wherever it stands.
    ///
    /// - Parameter ending: what it ends with where the table says that it ends.
    func take(
        _ event: StateMachine.Event, _ id: TaskID, at moment: Moment, ending: @autoclosure () -> Ending,
        _ data: JSONValue = [:]
    ) throws -> Step {
        guard let standing = try standing(id) else { return .stale }
        let row = StateMachine.row(event)
        switch row[standing] {
        case .ignored: return .ignored
        case .stays: try log(row.logged, id, at: moment, data)
        case .to(.ended): try endTask(id, ending(), at: moment)
        case .to(let next):
            try execute(
                sql: "UPDATE task SET state = ? WHERE id = ? AND ended_at IS NULL",
                arguments: [next.task?.rawValue, id.text])
            try log(row.logged, id, at: moment, data)
        }
        return .taken(row.effect)
    }

    private func write(_ columns: Columns, _ claim: Claim, from: Standing, to: AttemptState?) throws {
        let assignments = columns.map { ", \($0.name) = ?" }.joined()
        try execute(
            sql: "UPDATE attempt SET state = ?\(assignments) WHERE fence = ? AND state = ?",
            arguments: StatementArguments([to?.rawValue] + columns.map(\.value))
                + [claim.fence, from.attempt?.rawValue])
        guard changesCount == 1 else {
            throw StoreError(.corrupt, "The attempt \(claim.attempt) of \(claim.taskID) changed under its own lock.")
        }
    }

    /// Where the attempt of `claim` stands; nil when fence, number and nonce are not those of one attempt.
    func standing(_ claim: Claim) throws -> Standing? {
        try String.fetchOne(
            self, sql: "SELECT state FROM attempt WHERE fence = ? AND task_id = ? AND number = ? AND nonce = ?",
            arguments: [claim.fence, claim.taskID.text, claim.attempt, Data(claim.nonce)]
        ).flatMap(AttemptState.init).map(Standing.init)
    }

    /// Where a task stands, by its live attempt if it has one.
    func standing(_ id: TaskID) throws -> Standing? {
        let row = try Row.fetchOne(
            self,
            sql: """
                SELECT state, (SELECT state FROM attempt WHERE task_id = task.id AND ended_at IS NULL) AS attempt
                FROM task WHERE id = ?
                """, arguments: [id.text])
        guard let row else { return nil }
        if let attempt = try row.decode(String?.self, forColumn: "attempt").flatMap(AttemptState.init) {
            return Standing(attempt)
        }
        guard let state = TaskState(rawValue: try row.decode(forColumn: "state")) else {
            throw StoreError(.corrupt, "The state of \(id) cannot be read.")
        }
        return Standing(unclaimed: state)
    }
}
