import GRDB

/// A task that may be claimed, and all that is needed to prepare it.
package struct QueuedTask: Equatable, Sendable {
    package var id: TaskID
    package var spec: TaskSpec
    /// The number that its next attempt will have.
    package var attempt: Int
    /// The agent's session that the next attempt goes on with.
    package var session: String?
    /// The only instance that may claim it; nil for the daemon.
    package var owner: InstanceID?
}

extension Store {
    /// What may be claimed now without going over a client's own number of tasks that run, first what is to be claimed first: by class with ageing, and in the order of arrival within one.
    package func eligible(limit: Int) throws(StoreError) -> [QueuedTask] {
        let bootID = try Host.bootID()
        return try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT id, spec_json, continue_session, owner,
                        (SELECT coalesce(max(number), 0) + 1 FROM attempt WHERE task_id = task.id) AS attempt
                    FROM task
                    WHERE state = 'queued'
                        AND (not_before_boottime IS NULL OR clock_boot = ? AND not_before_boottime <= ?)
                        AND (json_extract(spec_json, '$.grant.running') IS NULL OR (
                            SELECT count(*) FROM task AS other
                            WHERE json_extract(other.spec_json, '$.client') = json_extract(task.spec_json, '$.client')
                                AND other.state IN ('starting', 'running', 'stopping')
                            ) < json_extract(spec_json, '$.grant.running'))
                    ORDER BY rank, number LIMIT ?
                    """,
                arguments: [bootID, boottimeNanoseconds(), limit]
            ).compactMap(QueuedTask.init(row:))
        }
    }

    /// One task as it may be prepared; nil when it is not queued. It may be too early to claim it.
    package func queuedTask(_ id: TaskID) throws(StoreError) -> QueuedTask? {
        try read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT id, spec_json, continue_session, owner,
                        (SELECT coalesce(max(number), 0) + 1 FROM attempt WHERE task_id = task.id) AS attempt
                    FROM task WHERE id = ? AND state = 'queued'
                    """, arguments: [id.text]
            ).flatMap(QueuedTask.init(row:))
        }
    }

    /// Nanoseconds of CLOCK_BOOTTIME at which the queue changes by itself: something may be claimed, or has waited too long.
    package func nextQueueChange() throws(StoreError) -> Int64? {
        let bootID = try Host.bootID()
        return try read { db in
            try Int64.fetchOne(
                db,
                sql: """
                    SELECT min(moment) FROM (
                        SELECT min(not_before_boottime) AS moment FROM task
                        WHERE state = 'queued' AND clock_boot = ?1 AND not_before_boottime > ?2
                        UNION ALL
                        SELECT min(queue_deadline_boottime) FROM task
                        WHERE \(Database.isWaiting) AND clock_boot = ?1
                    )
                    """, arguments: [bootID, boottimeNanoseconds()])
        }
    }

    /// Whether only a daemon can bring it to an end.
    package func waitsForDaemon(_ id: TaskID) throws(StoreError) -> Bool {
        try read { db in
            try Int.fetchOne(
                db,
                sql: "SELECT 1 FROM task WHERE id = ? AND owner IS NULL AND state IN ('queued', 'blocked')",
                arguments: [id.text]) != nil
        }
    }

    /// Tasks that have not ended, by state.
    package func counts() throws(StoreError) -> [TaskState: Int] {
        try read { db in
            let rows = try Row.fetchAll(
                db, sql: "SELECT state, count(*) AS number FROM task WHERE ended_at IS NULL GROUP BY state")
            var counts: [TaskState: Int] = [:]
            for row in rows {
                guard let state = TaskState(rawValue: try row.decode(forColumn: "state")) else { continue }
                counts[state] = try row.decode(forColumn: "number")
            }
            return counts
        }
    }

    /// Attempts that have not ended, over all instances: the slots in use.
    package func runningAttempts() throws(StoreError) -> Int {
        try read { db in try db.runningAttempts() }
    }
}

extension QueuedTask {
    fileprivate init?(row: Row) throws {
        guard let id = TaskID(try row.decode(forColumn: "id")) else { return nil }
        self.id = id
        spec = try JSONText.decode(TaskSpec.self, from: row.decode(forColumn: "spec_json"))
        attempt = try row.decode(forColumn: "attempt")
        session = try row.decode(String?.self, forColumn: "continue_session")
        owner = try row.decode(String?.self, forColumn: "owner").map(InstanceID.init(text:))
    }
}

/// How often a task has been tried.
package struct AttemptHistory: Equatable, Sendable {
    /// Attempts that used up one of the task's, a live one included.
    package var counted: Int
    /// How many before the latest attempt came to nothing, one after the other.
    package var uncountedInARow: Int

    package init(counted: Int, uncountedInARow: Int) {
        self.counted = counted
        self.uncountedInARow = uncountedInARow
    }
}

extension Store {
    package func history(_ id: TaskID) throws(StoreError) -> AttemptHistory {
        try read { db in
            let counted = try Bool.fetchAll(
                db, sql: "SELECT counted FROM attempt WHERE task_id = ? ORDER BY number DESC", arguments: [id.text])
            return AttemptHistory(
                counted: counted.count { $0 }, uncountedInARow: counted.dropFirst().prefix { !$0 }.count)
        }
    }
}

/// What a daemon asks about itself.
extension Store {
    /// The tasks whose live attempts `instance` runs, oldest claim first.
    package func running(_ instance: InstanceIdentity) throws(StoreError) -> [TaskID] {
        try read { db in
            try String.fetchAll(
                db, sql: "SELECT task_id FROM attempt WHERE instance_id = ? AND ended_at IS NULL ORDER BY fence",
                arguments: [instance.id.text])
        }.compactMap(TaskID.init)
    }

    /// Whether there is nothing that a daemon runs or will have to run.
    package func isIdle(_ instance: InstanceIdentity) throws(StoreError) -> Bool {
        try read { db in try db.work(for: instance) == 0 }
    }

    /// Tasks that ended before `limit`, oldest first, at most `most` of those numbered above `after`.
    package func ended(
        before limit: Timestamp, after: Int64, limit most: Int
    ) throws(StoreError) -> [(id: TaskID, number: Int64)] {
        try read { db in
            try Row.fetchAll(
                db, sql: "SELECT id, number FROM task WHERE ended_at < ? AND number > ? ORDER BY number LIMIT ?",
                arguments: [limit.milliseconds, after, most]
            ).compactMap { row in
                guard let id = TaskID(try row.decode(forColumn: "id")) else { return nil }
                return (id, try row.decode(forColumn: "number"))
            }
        }
    }
}

extension Database {
    /// Tasks that wait for a daemon, and attempts that this one runs.
    func work(for instance: InstanceIdentity) throws -> Int {
        try Int.fetchOne(
            self,
            sql: """
                SELECT (SELECT count(*) FROM task
                        WHERE \(Self.isWaiting) AND owner IS NULL)
                    + (SELECT count(*) FROM attempt WHERE ended_at IS NULL AND instance_id = ?)
                """, arguments: [instance.id.text]) ?? 0
    }
}
