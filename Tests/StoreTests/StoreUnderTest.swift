import Foundation
import GRDB
import Testing

@testable import Store

/// A real store, seen through two connections and addressed with the numbers of `Specification`.
final class StoreUnderTest {
    private let fixture: Fixture
    private let stores: [Store]
    private let bounds: QueueBounds
    private var living: [Int: LivingInstance] = [:]
    private var identities: [Int: InstanceIdentity] = [:]
    private var names: [Int: TaskID] = [:]
    private var numbers: [String: Int] = [:]
    private var lastEvent: Int64 = 0
    private var claims: [ModelAction.Attempt: Claim] = [:]

    /// - Parameter trigger: SQL of a trigger, to plant a mistake.
    init(bounds: QueueBounds, trigger: String? = nil) throws {
        let memory = "/dev/shm/"
        fixture = try Fixture(
            in: FileManager.default.isWritableFile(atPath: memory) ? memory : NSTemporaryDirectory())
        stores = try [fixture.open(), fixture.open()]
        self.bounds = bounds
        if let trigger { try stores[0].execute(trigger) }
    }

    /// As if nothing had ever been: cheaper than another store.
    func forgetEverything() throws {
        try stores[0].execute(
            """
            DELETE FROM dependency; DELETE FROM event; DELETE FROM attempt; DELETE FROM task; DELETE FROM instance;
            DELETE FROM sqlite_sequence
            """)
        (living, identities, names, numbers, claims) = ([:], [:], [:], [:], [:])
        lastEvent = 0
    }

    // MARK: Tasks

    func submit(_ connection: Int, _ task: Int, _ request: ModelAction.Request) throws -> String {
        var spec = fixture.spec()
        spec.after = request.after.map(name)
        spec.afterAny = request.afterAny.map(name)
        spec.queueTimeoutMs = request.hasDeadline ? 86_400_000 : nil
        let id = TaskID.random()
        return try answer {
            let submission = try stores[connection].submit(
                spec, id: id, owner: request.owner.map(instance), bounds: bounds,
                claiming: request.atOnce ? fixture.frozen : nil)
            (names[task], numbers[id.text]) = (id, task)
            switch submission {
            case .created(let record), .existing(let record): return "created \(record.state.rawValue)"
            case .claimed(let claim): return add(claim, of: task)
            }
        }
    }

    func remove(_ connection: Int, _ task: Int) throws -> String {
        switch try stores[connection].remove(name(task)) {
        case .removed: return "removed"
        case .live(let state): return "live \(state.rawValue)"
        case .noSuchTask: return "noSuchTask"
        }
    }

    func refuse(_ connection: Int, _ task: Int) throws -> String {
        "\(try stores[connection].refuse(queued: name(task), Reason(.refusedWorkspace)))"
    }

    func ask(_ connection: Int, _ task: Int, _ origin: StopOrigin, force: Bool) throws -> String {
        switch try stores[connection].requestStop(name(task), by: origin, force: force) {
        case nil: return "noSuchTask"
        case .recorded: return "recorded"
        case .cancelledAtOnce: return "cancelledAtOnce"
        case .alreadyStopping(let reason): return "alreadyStopping \(reason.code.rawValue)"
        case .alreadyEnded(let state): return "alreadyEnded \(state.rawValue)"
        }
    }

    // MARK: Time, and instances that die

    func overdue(_ task: Int) throws {
        try stores[0].execute(
            "UPDATE task SET queue_deadline_boottime = 0 WHERE id = ? AND queue_deadline_boottime IS NOT NULL",
            [name(task).text])
    }

    func rested(_ task: Int) throws {
        try stores[0].execute(
            "UPDATE task SET not_before_boottime = 0 WHERE id = ? AND not_before_boottime IS NOT NULL",
            [name(task).text])
    }

    func expire(_ connection: Int) throws -> String {
        try "\(stores[connection].expireQueued().compactMap { numbers[$0.text] })"
    }

    func die(_ instance: Int, _ connection: Int) throws -> String {
        _ = try self.instance(instance)
        living[instance] = nil
        return try "\(stores[connection].endOrphaned().compactMap { numbers[$0.text] })"
    }

    // MARK: Attempts

    func claim(_ connection: Int, _ task: Int, attempt: Int, instance: Int) throws -> String {
        let result = try stores[connection].claim(
            name(task), attempt: attempt, frozen: fixture.frozen, instance: self.instance(instance), bounds: bounds)
        switch result {
        case .claimed(let claim): return add(claim, of: task)
        case .noSlot(let running): return "noSlot \(running)"
        case .notNow: return "notNow"
        }
    }

    func arm(_ connection: Int, _ claim: Claim) throws -> String {
        switch try stores[connection].arm(claim, shepherd: fixture.shepherd) {
        case .armed: return "armed"
        case .stopRequested(let request): return "stopRequested \(request.reason.code.rawValue) \(request.force)"
        case .stale: return "stale"
        }
    }

    func started(_ connection: Int, _ claim: Claim) throws -> String {
        "\(try stores[connection].started(claim, child: fixture.child, receipt: nil))"
    }

    func exited(_ connection: Int, _ claim: Claim) throws -> String {
        "\(try stores[connection].exited(claim, ExitFacts(exit: .code(0), signalledBefore: false)))"
    }

    func stuck(_ connection: Int, _ claim: Claim) throws -> String {
        "\(try stores[connection].stuck(claim, processes: 1))"
    }

    func stopping(_ connection: Int, _ claim: Claim, _ reason: ReasonCode) throws -> String {
        try stores[connection].stopping(claim, Reason(reason))?.code.rawValue ?? "stale"
    }

    func conclude(_ connection: Int, _ claim: Claim, _ verdict: Verdict) throws -> String {
        switch try stores[connection].conclude(claim, verdict) {
        case .ended(let state, _): return "ended \(state.rawValue)"
        case .requeued: return "requeued"
        case .stale: return "stale"
        }
    }

    // MARK: Names

    private func answer(_ work: () throws -> String) throws -> String {
        do { return try work() } catch let error as StoreError { return error.code.rawValue }
    }

    private func name(_ task: Int) -> TaskID { names[task] ?? .random() }

    private func instance(_ number: Int) throws -> InstanceIdentity {
        if let known = identities[number] { return known }
        let new = try LivingInstance(stores[0])
        (living[number], identities[number]) = (new, new.identity)
        return new.identity
    }

    private func add(_ claim: Claim, of task: Int) -> String {
        claims[ModelAction.Attempt(task: task, number: claim.attempt)] = claim
        return "claimed \(task) \(claim.attempt)"
    }

    /// Nil where there never was such an attempt, which happens when steps are left out.
    func claim(_ attempt: ModelAction.Attempt, _ forgery: ModelAction.Forgery?) -> Claim? {
        guard let claim = claims[attempt] else { return nil }
        switch forgery {
        case nil: return claim
        case .fence:
            return Claim(taskID: claim.taskID, attempt: claim.attempt, fence: claim.fence + 1, nonce: claim.nonce)
        case .number:
            return Claim(taskID: claim.taskID, attempt: claim.attempt + 1, fence: claim.fence, nonce: claim.nonce)
        case .nonce:
            let nonce = claim.nonce.map { $0 ^ 0xff }
            return Claim(taskID: claim.taskID, attempt: claim.attempt, fence: claim.fence, nonce: nonce)
        }
    }
}

// MARK: What the database shows

extension StoreUnderTest {
    /// One line a task, and the event log's new lines.
    func look(_ connection: Int) throws -> (lines: [String], log: [String]) {
        try stores[connection].read { db in
            // In SQL, which is quicker than a test in a debug build.
            let tasks = try Row.fetchCursor(
                db,
                sql: """
                    SELECT id, state || ' ' || coalesce(json_extract(stop_reason_json, '$.code'), '-') || ' ' || stop_force
                        || ' ' || give_up || ' [' || coalesce((SELECT group_concat(line, ' ') FROM (
                            SELECT state || ',' || counted || ',' || ignored || ',' || (stuck_json IS NOT NULL) AS line
                            FROM attempt WHERE task_id = task.id ORDER BY number)), '') || ']'
                    FROM task ORDER BY number
                    """)
            var lines: [String] = []
            while let row = try tasks.next() { lines.append("\(number(row[0])) \(row[1] as String)") }
            let new = try Row.fetchAll(
                db, sql: "SELECT seq, kind, task_id, attempt FROM event WHERE seq > ? ORDER BY seq",
                arguments: [lastEvent])
            lastEvent = new.last?[0] ?? lastEvent
            let log = new.map { row in
                let kind: String = row[1], attempt: Int? = row[3]
                return "\(kind) \(number(row[2]))" + (attempt.map { "/\($0)" } ?? "")
            }
            return (lines, log.sorted())
        }
    }

    /// The slots, the queue in its order, and whether each end was written down once.
    func count(_ connection: Int) throws -> (slots: Int, eligible: [Int], endsMatch: Bool) {
        let store = stores[connection]
        let endsMatch = try store.read { db in
            try Int.fetchOne(
                db,
                sql: """
                    SELECT (SELECT count(*) FROM event WHERE kind = 'task.ended')
                            = (SELECT count(*) FROM task WHERE ended_at IS NOT NULL)
                        AND (SELECT count(*) FROM event WHERE kind = 'attempt.ended')
                            = (SELECT count(*) FROM attempt WHERE ended_at IS NOT NULL)
                    """) == 1
        }
        return (
            try store.runningAttempts(), try store.eligible(limit: 100).compactMap { numbers[$0.id.text] }, endsMatch
        )
    }

    private func number(_ id: String) -> String { numbers[id].map(String.init) ?? "unknown" }
}
