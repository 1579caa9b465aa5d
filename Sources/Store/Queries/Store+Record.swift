import GRDB

extension Store {
    /// Nil when there is no such task.
    package func record(_ id: TaskID) throws(StoreError) -> TaskRecord? {
        try read { db in try db.record(id) }
    }
}

extension Database {
    func record(_ id: TaskID) throws -> TaskRecord? {
        try Row.fetchOne(cachedStatement(sql: TaskRecord.query + " WHERE task.id = ?"), arguments: [id.text])
            .map(TaskRecord.init(row:))
    }

    func requireRecord(_ id: TaskID) throws -> TaskRecord {
        guard let record = try record(id) else { throw StoreError(.corrupt, "The task \(id) has no row.") }
        return record
    }
}

extension TaskRecord {
    /// Each task with its latest attempt.
    static let query = """
        SELECT task.id, task.spec_json, task.state, task.reason_json, task.created_at, task.ended_at, task.not_before,
            (SELECT count(*) FROM attempt WHERE attempt.task_id = task.id AND counted) AS attempts,
            attempt.number AS attempt, attempt.frozen_json, attempt.started_at, attempt.wall_ms, attempt.exit_json,
            attempt.stragglers, attempt.output_json, attempt.resources_json, attempt.usage_json, attempt.session_id,
            attempt.result_json, attempt.receipt_json, attempt.violations_json,
            attempt.stuck_json
        FROM task LEFT JOIN attempt ON attempt.task_id = task.id
            AND attempt.number = (SELECT max(number) FROM attempt WHERE attempt.task_id = task.id)
        """

    init(row: Row) throws {
        func json<Value: Decodable>(_ type: Value.Type, _ column: String) throws -> Value? {
            guard let text = try row.decode(String?.self, forColumn: column) else { return nil }
            return try JSONText.decode(type, from: text)
        }
        let spec = try JSONText.decode(TaskSpec.self, from: row.decode(forColumn: "spec_json"))
        // What an attempt runs with cannot be read: the rest of the record still can, and recovery says what is wrong.
        let frozen = try? json(FrozenAttempt.self, "frozen_json")
        let id: String = try row.decode(forColumn: "id")
        let stateName: String = try row.decode(forColumn: "state")
        guard let taskId = TaskID(id), let state = TaskState(rawValue: stateName) else {
            throw StoreError(.corrupt, "A task's row cannot be read: \(id), \(stateName).")
        }
        self.taskId = taskId
        self.state = state
        name = spec.name
        labels = spec.labels
        reason = try json(Reason.self, "reason_json")
        agent = spec.agent
        prompt = spec.prompt
        command = spec.command
        workspace = spec.workspace
        priority = spec.priority
        // Of what was refused nothing was ever in force.
        let inForce = state == .refused ? nil : frozen
        policy = PolicyInForce(
            name: frozen?.policyName ?? spec.policy, digest: frozen?.policyDigest, containment: inForce?.containment,
            layers: inForce?.layers, degraded: inForce?.degraded, tightenedBy: frozen?.tightenedBy)
        limits = frozen?.limits ?? spec.limits
        attempt = try row.decode(Int?.self, forColumn: "attempt")
        attempts = try row.decode(forColumn: "attempts")
        createdAt = Timestamp(milliseconds: try row.decode(forColumn: "created_at"))
        startedAt = try row.decode(Int64?.self, forColumn: "started_at").map(Timestamp.init(milliseconds:))
        endedAt = try row.decode(Int64?.self, forColumn: "ended_at").map(Timestamp.init(milliseconds:))
        wallMs = try row.decode(Int64?.self, forColumn: "wall_ms")
        exit = try json(WorkerExit.self, "exit_json")
        stragglers = try row.decode(Int?.self, forColumn: "stragglers")
        // Nothing was ever started, so nothing was ever written: that is known, and is zero.
        let neverRan = startedAt == nil && (state.isTerminal || attempt == nil)
        output = try json(OutputTotals.self, "output_json") ?? (neverRan ? OutputTotals() : nil)
        resources = try json(ResourceUse.self, "resources_json")
        usage = try json(ModelUsage.self, "usage_json")
        sessionId = try row.decode(String?.self, forColumn: "session_id")
        result = try json(AgentResult.self, "result_json")
        violations = try json([Violation].self, "violations_json")
        retryOf = spec.retryOf
        resumes = spec.resumes
        client = spec.client
        stuck = state.isTerminal ? nil : try json(StuckTree.self, "stuck_json")
        after = spec.after
        afterAny = spec.afterAny
        retries = spec.retries
        notBefore =
            state == .queued
            ? try row.decode(Int64?.self, forColumn: "not_before").map(Timestamp.init(milliseconds:)) : nil
        receipt = try json(JSONValue.self, "receipt_json")
    }
}
