import GRDB

/// What came of a request for a task.
package enum Submission: Equatable, Sendable {
    /// It waits, for its turn or for other tasks, or has ended already because one of those had ended badly.
    case created(TaskRecord)
    /// The same request was made before, under the same idempotency key.
    case existing(TaskRecord)
    /// It runs: the claim came in the same commit.
    case claimed(Claim)

    package var record: TaskRecord? {
        switch self {
        case .created(let record), .existing(let record): record
        case .claimed: nil
        }
    }
}

extension Store {
    /// Puts a task into the queue; when this returns it survives a loss of power.
    ///
    /// - Parameters:
    ///   - owner: the only instance that may claim it; nil for the daemon.
    ///   - claiming: claims it in the same commit where it may run at once.
    ///   - audit: the row of a client's request, in the same commit, so that no task goes uncounted; none for a task that there was.
    /// - Throws: `queue.full`, `dependency.missing`, `dependency.invalid`, `idempotency.conflict`; nothing is stored then.
    package func submit(
        _ spec: TaskSpec, id: TaskID = .random(), owner: InstanceIdentity? = nil, bounds: QueueBounds = .none,
        claiming frozen: FrozenAttempt? = nil, audit: AuditEntry? = nil
    ) throws(StoreError) -> Submission {
        try write(.full) { db in
            if let earlier = try Self.earlier(spec, db) { return .existing(earlier) }
            if let audit { try db.insert(audit) }
            if let home = spec.homeOf, let other = try db.liveTask(inHomeOf: home) {
                throw StoreError(
                    .homeInUse, "The private home of \(home) is in use by \(other).",
                    hint: "Wait for \(other), or cancel it first.")
            }
            let moment = Moment()
            let needs = try db.dependencies(of: spec, id)
            let failed = needs.first { $0.hasFailed && !$0.acceptsAnyEnd }
            let isOpen = needs.contains { !$0.hasEnded }
            let waits = isOpen || failed != nil
            if !waits, let frozen, let owner, try db.runningAttempts() < bounds.running {
                try db.insert(id, spec, state: .queued, owner: owner.id, at: moment)
                try db.insert(needs, of: id)
                try db.log(.taskQueued, id, at: moment)
                guard let claim = try db.claim(id, frozen, owner, at: moment) else {
                    throw StoreError(.io, "The new task \(id) could not be claimed.")
                }
                return .claimed(claim)
            }
            guard try db.waitingTasks() < bounds.waiting else { throw Self.full(bounds) }
            try db.insert(id, spec, state: waits ? .blocked : .queued, owner: owner?.id, at: moment)
            try db.insert(needs, of: id)
            if let owner { try db.insert(owner, role: .run) }
            if let failed {
                try db.endTask(id, Ending(.dependency(failed.id, failed.state)), at: moment)
            } else if isOpen {
                let open = needs.filter { !$0.hasEnded }.map { JSONValue.string($0.id.text) }
                try db.log(.taskBlocked, id, at: moment, ["after": .array(open)])
            } else {
                try db.log(.taskQueued, id, at: moment)
            }
            return .created(try db.requireRecord(id))
        }
    }

    /// Writes down a task that must not run: it is born with its final state.
    package func refuse(
        _ spec: TaskSpec, _ reason: Reason, id: TaskID = .random()
    ) throws(StoreError) -> TaskRecord {
        try write(.full) { db in
            let moment = Moment()
            var spec = spec
            // The key stays free for the request that will be right.
            spec.idempotencyKey = nil
            try db.insert(id, spec, state: .queued, owner: nil, at: moment)
            try db.endTask(id, Ending(reason), at: moment)
            return try db.requireRecord(id)
        }
    }

    /// Ends a task that is still queued or blocked; false when it is not.
    package func refuse(queued id: TaskID, _ reason: Reason) throws(StoreError) -> Bool {
        try write(StateMachine.row(.refuse).durability) { db in
            try db.take(.refuse, id, at: Moment(), ending: Ending(reason)).isTaken
        }
    }

    /// What the same request has become under its idempotency key; nil when there is no key, or nothing yet.
    ///
    /// - Throws: `idempotency.conflict`.
    package func earlier(_ spec: TaskSpec) throws(StoreError) -> TaskRecord? {
        try read { db in try Self.earlier(spec, db) }
    }

    private static func earlier(_ spec: TaskSpec, _ db: Database) throws -> TaskRecord? {
        guard let key = spec.idempotencyKey, let earlier = try db.task(withKey: key) else { return nil }
        guard try db.spec(earlier)?.asksForTheSame(as: spec) == true else { throw conflict(key, earlier) }
        return try db.requireRecord(earlier)
    }

    private static func full(_ bounds: QueueBounds) -> StoreError {
        StoreError(
            .queueFull, "\(bounds.waiting) tasks are waiting already, as many as may ([queue] max_length).",
            hint: "Wait until some have run, cancel some (claudine list --state queued), or raise the bound.")
    }

    private static func conflict(_ key: String, _ earlier: TaskID) -> StoreError {
        StoreError(
            .idempotencyConflict, "The idempotency key '\(key)' belongs to \(earlier), which asked for something else.",
            hint: "Use another key, or claudine rm \(earlier) once it has ended.")
    }
}

/// A task that another waits for, as it stood when that was asked for.
struct Dependency {
    var id: TaskID
    var number: Int64
    var state: TaskState
    var acceptsAnyEnd: Bool

    var hasEnded: Bool { state.isTerminal }
    var hasFailed: Bool { hasEnded && state != .succeeded }
}

extension TaskSpec {
    /// The same request: what of it the process that made it has added does not count.
    fileprivate func asksForTheSame(as other: TaskSpec) -> Bool {
        var (one, two) = (self, other)
        (one.surroundings, two.surroundings) = (nil, nil)
        // Said for people; what was asked for is in `limitOptions`.
        (one.limits, two.limits) = ([:], [:])
        // Within what it was allowed, which is checked each time.
        (one.grant, two.grant) = (nil, nil)
        return one == two
    }
}

extension Database {
    /// The row and `task.created`.
    func insert(_ id: TaskID, _ spec: TaskSpec, state: TaskState, owner: InstanceID?, at moment: Moment) throws {
        let boot = try spec.queueTimeoutMs.map { _ in try Host.bootID() }
        try execute(
            sql: """
                INSERT INTO task (id, spec_json, priority, state, created_at, rank, owner, idempotency_key, clock_boot,
                    queue_deadline, queue_deadline_boottime)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                id.text, try JSONText.encode(spec), spec.priority.rawValue, state.rawValue, moment.wall.milliseconds,
                try rank(spec.priority, at: moment), owner?.text, spec.idempotencyKey, boot,
                spec.queueTimeoutMs.map { moment.wall.milliseconds.addingClamped($0) },
                spec.queueTimeoutMs.map { moment.boottime.addingClamped($0.multipliedClamped(by: 1_000_000)) },
            ])
        var data: [String: JSONValue] = [
            "agent": .string(spec.agent), "policy": .string(spec.policy), "workspace": .string(spec.workspace),
        ]
        data["name"] = spec.name.map(JSONValue.string)
        data["retryOf"] = spec.retryOf.map { .string($0.text) }
        data["resumes"] = spec.resumes.map { .string($0.text) }
        try log(.taskCreated, id, at: moment, .object(data))
    }

    /// The new task's place: time and handicap.
    ///
    /// Whoever has one in the future, from before the clock was set back, moves to where a new one of its class would be: among
    /// equals the older goes first, and nobody waits until the clock is again where it was.
    private func rank(_ priority: Priority, at moment: Moment) throws -> Int64 {
        for other in Priority.allCases {
            try execute(
                sql: "UPDATE task SET rank = :place WHERE \(Self.isWaiting) AND priority = :class AND rank > :place",
                arguments: ["place": moment.wall.milliseconds + other.handicap, "class": other.rawValue])
        }
        return moment.wall.milliseconds + priority.handicap
    }

    fileprivate func insert(_ needs: [Dependency], of id: TaskID) throws {
        for need in needs {
            try execute(
                sql: "INSERT INTO dependency (task, needs, any_end) SELECT number, ?, ? FROM task WHERE id = ?",
                arguments: [need.number, need.acceptsAnyEnd, id.text])
        }
    }

    /// What `spec` waits for, looked up; throws where it cannot wait for that.
    fileprivate func dependencies(of spec: TaskSpec, _ id: TaskID) throws -> [Dependency] {
        let named = (spec.after ?? []).map { ($0, false) } + (spec.afterAny ?? []).map { ($0, true) }
        guard named.count <= QueueBounds.mostDependencies else {
            throw StoreError(
                .dependencyInvalid,
                "It would wait for \(named.count) tasks; \(QueueBounds.mostDependencies) is the most.",
                hint: "Let it wait for a task that waits for the others.")
        }
        guard Set(named.map(\.0)).count == named.count else {
            throw StoreError(.dependencyInvalid, "It would wait for the same task twice.")
        }
        return try named.map { needed, acceptsAnyEnd in
            guard needed != id else { throw StoreError(.dependencyInvalid, "The task \(id) would wait for itself.") }
            let row = try Row.fetchOne(
                self, sql: "SELECT number, state FROM task WHERE id = ?", arguments: [needed.text])
            guard let row, let state = TaskState(rawValue: try row.decode(forColumn: "state")) else {
                throw StoreError(
                    .dependencyMissing, "There is no task \(needed) to wait for.",
                    hint: "claudine list shows what there is")
            }
            return Dependency(
                id: needed, number: try row.decode(forColumn: "number"), state: state, acceptsAnyEnd: acceptsAnyEnd)
        }
    }

    fileprivate func task(withKey key: String) throws -> TaskID? {
        try String.fetchOne(self, sql: "SELECT id FROM task WHERE idempotency_key = ?", arguments: [key])
            .flatMap(TaskID.init)
    }

    /// Of a task that waits for its turn or for others; said so that the index of those that have not ended serves it.
    static let isWaiting = "(state IN ('queued', 'blocked') AND ended_at IS NULL)"

    fileprivate func liveTask(inHomeOf home: TaskID) throws -> TaskID? {
        try String.fetchOne(
            self,
            sql: "SELECT id FROM task WHERE json_extract(spec_json, '$.homeOf') = ? AND ended_at IS NULL LIMIT 1",
            arguments: [home.text]
        ).flatMap(TaskID.init)
    }

    func waitingTasks() throws -> Int {
        try Int.fetchOne(self, sql: "SELECT count(*) FROM task WHERE \(Self.isWaiting)") ?? 0
    }

    /// Slots in use: a slot is an attempt that has not ended, so that a tree that cannot be emptied keeps its own.
    func runningAttempts() throws -> Int {
        try Int.fetchOne(self, sql: "SELECT count(*) FROM attempt WHERE ended_at IS NULL") ?? 0
    }

    func spec(_ id: TaskID) throws -> TaskSpec? {
        try String.fetchOne(self, sql: "SELECT spec_json FROM task WHERE id = ?", arguments: [id.text])
            .map { try JSONText.decode(TaskSpec.self, from: $0) }
    }
}

extension Int64 {
    func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    func multipliedClamped(by other: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
