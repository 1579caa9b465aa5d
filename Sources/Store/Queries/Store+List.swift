import GRDB

/// Which tasks to list; what is empty or nil does not restrict.
package struct TaskFilter: Equatable, Sendable {
    package var states: [TaskState] = []
    /// A task has to carry all of them.
    package var labels: [String] = []
    /// Created at this time or later.
    package var since: Timestamp?
    package var limit: Int?

    package init(states: [TaskState] = [], labels: [String] = [], since: Timestamp? = nil, limit: Int? = nil) {
        self.states = states
        self.labels = labels
        self.since = since
        self.limit = limit
    }
}

extension Store {
    /// Newest first.
    package func list(_ filter: TaskFilter = TaskFilter()) throws(StoreError) -> [TaskRecord] {
        try read { db in
            var conditions: [SQL] = ["true"]
            if !filter.states.isEmpty {
                conditions.append("task.state IN \(filter.states.map(\.rawValue))")
            }
            for label in filter.labels {
                conditions.append(
                    "EXISTS (SELECT 1 FROM json_each(task.spec_json, '$.labels') WHERE value = \(label))")
            }
            if let since = filter.since { conditions.append("task.created_at >= \(since.milliseconds)") }
            let request: SQL = """
                \(sql: TaskRecord.query) WHERE \(conditions.joined(operator: .and))
                ORDER BY task.number DESC LIMIT \(filter.limit ?? -1)
                """
            return try SQLRequest<Row>(literal: request).fetchAll(db).map(TaskRecord.init(row:))
        }
    }

    /// The request as it was made; nil when there is no such task.
    package func spec(_ id: TaskID) throws(StoreError) -> TaskSpec? {
        try read { db in try db.spec(id) }
    }

    /// Tasks that go on in the private home of `id`, oldest first.
    package func tasks(inHomeOf id: TaskID) throws(StoreError) -> [TaskID] {
        try read { db in
            try String.fetchAll(
                db, sql: "SELECT id FROM task WHERE json_extract(spec_json, '$.homeOf') = ? ORDER BY number",
                arguments: [id.text])
        }.compactMap(TaskID.init)
    }
}
