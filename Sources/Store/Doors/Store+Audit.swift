import GRDB

/// What became of something that a client asked to be done.
package enum AuditDecision: String, Sendable {
    case accepted
    /// By a ceiling, a policy, or because it could not be done.
    case refused
    /// Too much at a time; the same may be accepted later.
    case limited
    /// A person has to agree first.
    case asked
}

/// One line of the record of what clients asked for. Rows are only ever added.
package struct AuditEntry: Equatable, Sendable {
    /// As the door knows it.
    package var client: String
    package var tool: String
    /// SHA-256 of the arguments, in hexadecimal: two equal requests are known as such, and a prompt is in its task's row only.
    package var digest: String
    package var decision: AuditDecision
    package var policy: String?
    package var task: TaskID?
    /// The client's own name of the call.
    package var toolUse: String?

    package init(
        client: String, tool: String, digest: String, decision: AuditDecision, policy: String? = nil,
        task: TaskID? = nil,
        toolUse: String? = nil
    ) {
        self.client = client
        self.tool = tool
        self.digest = digest
        self.decision = decision
        self.policy = policy
        self.task = task
        self.toolUse = toolUse
    }
}

/// Times are of a clock that may be set back: what then seems to lie ahead counts for nothing, or a client would be held up until then.
extension Store {
    package func audit(_ entry: AuditEntry) throws(StoreError) {
        try write(.normal) { db in try db.insert(entry) }
    }

    /// How many requests of a client there were since then, whatever became of them.
    package func requests(of client: String, since: Timestamp) throws(StoreError) -> Int {
        try read { db in
            try Int.fetchOne(
                db, sql: "SELECT count(*) FROM audit WHERE client = ? AND time BETWEEN ? AND ?",
                arguments: [client, since.milliseconds, Timestamp.now().milliseconds]) ?? 0
        }
    }

    /// How many requests of a client have become tasks since then, and when the first of them did.
    package func accepted(of client: String, since: Timestamp) throws(StoreError) -> (count: Int, first: Timestamp?) {
        try read { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT count(*) AS count, min(time) AS first FROM audit
                    WHERE client = ? AND decision = 'accepted' AND time BETWEEN ? AND ? AND task_id IS NOT NULL
                    """, arguments: [client, since.milliseconds, Timestamp.now().milliseconds])
            guard let row else { return (0, nil) }
            let first = try row.decode(Int64?.self, forColumn: "first")
            return (try row.decode(forColumn: "count"), first.map(Timestamp.init(milliseconds:)))
        }
    }

    /// The task that the same request of the same client has become since then.
    package func task(ofRequest digest: String, by client: String, since: Timestamp) throws(StoreError) -> TaskID? {
        try read { db in
            try String.fetchOne(
                db,
                sql: """
                    SELECT task_id FROM audit JOIN task ON task.id = audit.task_id
                    WHERE client = ? AND decision = 'accepted' AND time BETWEEN ? AND ? AND digest = ?
                    ORDER BY seq DESC LIMIT 1
                    """, arguments: [client, since.milliseconds, Timestamp.now().milliseconds, digest])
        }.flatMap(TaskID.init)
    }

    /// Tasks of a client that have not ended.
    package func liveTasks(of client: String) throws(StoreError) -> Int {
        try read { db in
            try Int.fetchOne(
                db,
                sql: """
                    SELECT count(*) FROM task WHERE ended_at IS NULL AND json_extract(spec_json, '$.client') = ?
                    """, arguments: [client]) ?? 0
        }
    }
}

extension Database {
    func insert(_ entry: AuditEntry) throws {
        try execute(
            sql: """
                INSERT INTO audit (time, client, tool, digest, decision, policy, task_id, tool_use)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                Timestamp.now().milliseconds, entry.client, entry.tool, entry.digest, entry.decision.rawValue,
                entry.policy, entry.task?.text, entry.toolUse,
            ])
    }
}
