import GRDB

extension Store {
    /// Events after `since` in order, of one task or of all, at most `limit`.
    package func events(
        since: Int64 = 0, task: TaskID? = nil, limit: Int = 1000
    ) throws(StoreError) -> [EventRecord] {
        try read { db in
            // One query for both would be planned for neither.
            let ofTask: SQL = task.map { "AND task_id = \($0.text)" } ?? ""
            let request: SQL = """
                SELECT seq, time, task_id, attempt, kind, data_json FROM event
                WHERE seq > \(since) \(ofTask) ORDER BY seq LIMIT \(limit)
                """
            return try SQLRequest<Row>(literal: request).fetchAll(db).map(EventRecord.init(row:))
        }
    }

    /// The last `seq` that was given out; 0 before the first.
    package func lastEvent() throws(StoreError) -> Int64 {
        try read { db in
            try Int64.fetchOne(db.cachedStatement(sql: "SELECT coalesce(max(seq), 0) FROM event")) ?? 0
        }
    }
}

extension EventRecord {
    fileprivate init(row: Row) throws {
        let id: String = try row.decode(forColumn: "task_id")
        guard let taskId = TaskID(id) else { throw StoreError(.corrupt, "An event names no task: \(id).") }
        seq = try row.decode(forColumn: "seq")
        time = Timestamp(milliseconds: try row.decode(forColumn: "time"))
        self.taskId = taskId
        attempt = try row.decode(Int?.self, forColumn: "attempt")
        kind = try row.decode(forColumn: "kind")
        data = try JSONText.decode(JSONValue.self, from: row.decode(forColumn: "data_json"))
    }
}
