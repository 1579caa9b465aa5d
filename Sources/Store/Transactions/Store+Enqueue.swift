import GRDB

extension Store {
    /// Puts a task into the queue.
    package func enqueue(_ spec: TaskSpec) throws(StoreError) -> TaskRecord {
        try write(.full) { db in
            let moment = Moment()
            let id = TaskID.random()
            try db.insert(id, spec, state: .queued, at: moment)
            try db.log(.taskQueued, id, at: moment)
            return try db.requireRecord(id)
        }
    }

    /// Writes down a task that must not run: it is born with its final state.
    package func refuse(_ spec: TaskSpec, _ reason: Reason) throws(StoreError) -> TaskRecord {
        try write(.full) { db in
            let moment = Moment()
            let id = TaskID.random()
            try db.insert(id, spec, state: .queued, at: moment)
            _ = try db.endTask(id, reason.code.state, reason, at: moment)
            return try db.requireRecord(id)
        }
    }

    /// Ends a task that is still queued or blocked; false when it is not.
    package func refuse(queued id: TaskID, _ reason: Reason) throws(StoreError) -> Bool {
        try write(.full) { db in
            guard let state = try db.state(of: id), state == .queued || state == .blocked else { return false }
            return try db.endTask(id, reason.code.state, reason, at: Moment())
        }
    }
}

extension Database {
    /// The row and `task.created`.
    func insert(_ id: TaskID, _ spec: TaskSpec, state: TaskState, at moment: Moment) throws {
        try execute(
            sql: "INSERT INTO task (id, spec_json, priority, state, created_at) VALUES (?, ?, ?, ?, ?)",
            arguments: [
                id.text, try JSONText.encode(spec), spec.priority.rawValue, state.rawValue, moment.wall.milliseconds,
            ])
        var data: [String: JSONValue] = [
            "agent": .string(spec.agent), "policy": .string(spec.policy), "workspace": .string(spec.workspace),
        ]
        data["name"] = spec.name.map(JSONValue.string)
        try log(.taskCreated, id, at: moment, .object(data))
    }

    func state(of id: TaskID) throws -> TaskState? {
        try String.fetchOne(self, sql: "SELECT state FROM task WHERE id = ?", arguments: [id.text])
            .flatMap(TaskState.init(rawValue:))
    }
}
