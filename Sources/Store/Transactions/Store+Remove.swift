import GRDB

package enum RemoveResult: Equatable, Sendable {
    case removed
    /// Only what has ended can be removed.
    case live(TaskState)
    case noSuchTask
}

extension Store {
    /// Forgets an ended task, its attempts and its events; one `task.removed` stays. Its files are not touched.
    package func remove(_ id: TaskID) throws(StoreError) -> RemoveResult {
        try write(.full) { db in
            guard let state = try db.state(of: id) else { return .noSuchTask }
            guard state.isTerminal else { return .live(state) }
            try db.execute(sql: "DELETE FROM event WHERE task_id = ?", arguments: [id.text])
            try db.execute(sql: "DELETE FROM task WHERE id = ?", arguments: [id.text])
            try db.log(.taskRemoved, id, at: Moment())
            return .removed
        }
    }
}
