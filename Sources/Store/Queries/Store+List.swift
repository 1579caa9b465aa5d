import GRDB

/// Which tasks to list; what is empty or nil does not restrict.
package struct TaskFilter: Equatable, Sendable {
    package var states: [TaskState] = []
    /// A task has to carry all of them.
    package var labels: [String] = []
    /// Created at this time or later.
    package var since: Timestamp?
    package var limit: Int?
    /// Delegated by this client.
    package var client: String?
    /// Below this number of a task, which is its place in the order.
    package var before: TaskID?

    package init(
        states: [TaskState] = [], labels: [String] = [], since: Timestamp? = nil, limit: Int? = nil,
        client: String? = nil, before: TaskID? = nil
    ) {
        self.states = states
        self.labels = labels
        self.since = since
        self.limit = limit
        self.client = client
        self.before = before
    }
}

extension Store {
    /// Newest first.
    package func list(_ filter: TaskFilter = TaskFilter()) throws(StoreError) -> [TaskRecord] {
        try read { db in
            let request: SQL = """
                \(sql: TaskRecord.query) WHERE task.number IN (\(filter.numbers)) ORDER BY task.number DESC
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

extension TaskFilter {
    /// The newest tasks that fit. Each state has a search of its own, in the order of its index, which the limit ends: a common state
    /// is not gone through to its end, and for a rare one nothing else is. A label is the shorter way where there is one.
    fileprivate var numbers: SQL {
        guard labels.isEmpty, !states.isEmpty else {
            return newest(states.isEmpty ? "true" : "task.state IN \(Set(states).map(\.rawValue))")
        }
        let searches = Set(states).map { state -> SQL in
            "SELECT number FROM (\(newest("task.state = \(state.rawValue)")))"
        }
        return
            "SELECT number FROM (\(searches.joined(separator: " UNION ALL "))) ORDER BY number DESC LIMIT \(limit ?? -1)"
    }

    private func newest(_ condition: SQL) -> SQL {
        var conditions = [condition]
        if let first = labels.first { conditions.append("label.text = \(first)") }
        for other in labels.dropFirst() {
            conditions.append("EXISTS (SELECT 1 FROM label WHERE text = \(other) AND label.task = task.number)")
        }
        if let client { conditions.append("json_extract(task.spec_json, '$.client') = \(client)") }
        if let before { conditions.append("task.number < (SELECT number FROM task WHERE id = \(before.text))") }
        if let since {
            // Numbers follow time but where the clock was set back, so nothing below the first of them needs to be looked at.
            conditions.append(
                """
                task.number >= (SELECT min(number) FROM task INDEXED BY task_created WHERE created_at >= \(since.milliseconds))
                """)
            conditions.append("task.created_at >= \(since.milliseconds)")
        }
        // A cross join keeps the order of its tables (SQLite, "Manual Control Of Query Plans Using CROSS JOIN").
        let (tables, order): (SQL, SQL) =
            labels.isEmpty
            ? ("task", "task.number") : ("label CROSS JOIN task ON task.number = label.task", "label.task")
        return """
            SELECT task.number AS number FROM \(tables) WHERE \(conditions.joined(operator: .and))
            ORDER BY \(order) DESC LIMIT \(limit ?? -1)
            """
    }
}
