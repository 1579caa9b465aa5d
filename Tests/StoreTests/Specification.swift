@testable import Store

/// What the store promises about many tasks, in plain structs: written from the rules (studies of supervision, A), by somebody who
/// has not seen the store's SQL.
///
/// Every step returns what the store has to answer, and notes in `log` what it has to write into the event log.
struct Specification {
    struct Attempt: Equatable {
        var isOver = false
        var isCounted = true
        var ignored = 0
        var isStuck = false
    }

    struct Task {
        var life: Life
        /// The tasks it waits for, and whether any end of theirs is good enough.
        var needs: [(task: Int, anyEnd: Bool)]
        /// The instance that alone may claim it.
        var owner: Int?
        var end: String?
        /// The code of the reason it was first asked to stop for.
        var stop: String?
        var force = false
        /// It was asked to stop so that another daemon may go on with it.
        var isHandedOver = false
        /// Somebody wants it to end for good.
        var isUnwanted = false
        var hasDeadline = false
        var isOverdue = false
        /// It must not be tried again yet.
        var rests = false
        var attempts: [Attempt] = []

        var state: String { end ?? life.taskState ?? "nothing" }
    }

    /// By order of arrival.
    private(set) var tasks: [Int: Task] = [:]
    private var dead: Set<Int> = []
    private(set) var log: [String] = []
    let bounds: QueueBounds

    init(bounds: QueueBounds) { self.bounds = bounds }

    var ids: [Int] { tasks.keys.sorted() }
    var slots: Int { tasks.values.count { $0.life.attempt != nil } }
    var waiting: Int { tasks.values.count { $0.life.waiting != nil } }
    /// What may be claimed, in its order.
    var eligible: [Int] { ids.filter { tasks[$0]?.life.waiting == .forItsTurn && tasks[$0]?.rests == false } }

    /// Every attempt of every task, the latest last.
    var attempts: [ModelAction.Attempt] {
        ids.flatMap { id in
            (0..<(tasks[id]?.attempts.count ?? 0)).map { ModelAction.Attempt(task: id, number: $0 + 1) }
        }
    }

    func isLive(_ attempt: ModelAction.Attempt) -> Bool { isLive(attempt.task, attempt.number) }

    mutating func takeLog() -> [String] {
        defer { log = [] }
        return log.sorted()
    }

    // MARK: Tasks

    mutating func submit(_ id: Int, _ request: ModelAction.Request) -> String {
        let needs =
            request.after.map { (task: $0, anyEnd: false) } + request.afterAny.map { (task: $0, anyEnd: true) }
        guard Set(needs.map(\.task)).count == needs.count else { return "dependency.invalid" }
        guard needs.allSatisfy({ tasks[$0.task] != nil }) else { return "dependency.missing" }
        let isForsaken = needs.contains { need in
            !need.anyEnd && tasks[need.task]?.end != nil && tasks[need.task]?.end != "succeeded"
        }
        let isOpen = needs.contains { tasks[$0.task]?.end == nil }
        var task = Task(life: Life(isOpen || isForsaken ? .forOthers : .forItsTurn), needs: needs, owner: request.owner)
        task.hasDeadline = request.hasDeadline
        if request.atOnce, request.owner != nil, !isOpen, !isForsaken, slots < bounds.running {
            tasks[id] = task
            log += ["task.created \(id)", "task.queued \(id)"]
            begin(id)
            return "claimed \(id) 1"
        }
        guard waiting < bounds.waiting else { return "queue.full" }
        tasks[id] = task
        log.append("task.created \(id)")
        if isForsaken {
            _ = tasks[id]?.life.take(.forsake)
            finish(id, "cancelled")
        } else {
            log.append(isOpen ? "task.blocked \(id)" : "task.queued \(id)")
        }
        return "created \(tasks[id]?.state ?? "")"
    }

    mutating func remove(_ id: Int) -> String {
        guard let task = tasks[id] else { return "noSuchTask" }
        guard task.end != nil else { return "live \(task.state)" }
        tasks[id] = nil
        for other in ids { tasks[other]?.needs.removeAll { $0.task == id } }
        log.append("task.removed \(id)")
        return "removed"
    }

    /// It cannot run as it was asked to.
    mutating func refuse(_ id: Int) -> String {
        guard tasks[id]?.life.take(.refuse) == .moves else { return "false" }
        finish(id, "refused")
        return "true"
    }

    mutating func ask(_ id: Int, _ origin: StopOrigin, force: Bool) -> String {
        guard var task = tasks[id] else { return "noSuchTask" }
        // What waits is where a handover is to bring it.
        if origin == .handover, task.life.waiting != nil { return "recorded" }
        switch task.life.take(.ask) {
        case .hasNoMeaning: return "alreadyEnded \(task.state)"
        case .moves:
            tasks[id] = task
            finish(id, "cancelled")
            return "cancelledAtOnce"
        case .isNoted: break
        }
        // A handover is no wish that it ends.
        let before = task.isHandedOver && origin != .handover ? nil : task.stop
        if origin != .handover { task.isUnwanted = true }
        if before == nil || force && !task.force {
            log.append("task.stopRequested \(id)")
            task.isHandedOver = origin == .handover && (before == nil || task.isHandedOver)
            task.stop = before ?? origin.reason.code.rawValue
            task.force = task.force || force
        }
        tasks[id] = task
        return before.map { "alreadyStopping \($0)" } ?? "recorded"
    }

    // MARK: Time, and instances that die

    mutating func overdue(_ id: Int) {
        if tasks[id]?.hasDeadline == true { tasks[id]?.isOverdue = true }
    }

    mutating func rested(_ id: Int) { tasks[id]?.rests = false }

    mutating func expire() -> String {
        let due = ids.filter { tasks[$0]?.isOverdue == true && tasks[$0]?.life.waiting != nil }
        return end(due, by: .expire, as: "timedOut")
    }

    mutating func died(_ instance: Int) -> String {
        dead.insert(instance)
        let orphans = ids.filter { tasks[$0]?.owner.map(dead.contains) == true && tasks[$0]?.life.waiting != nil }
        return end(orphans, by: .refuse, as: "lost")
    }

    /// Those that another's end has not ended meanwhile.
    private mutating func end(_ ids: [Int], by event: StateMachine.Event, as state: String) -> String {
        var ended: [Int] = []
        for id in ids where tasks[id]?.life.take(event) == .moves {
            finish(id, state)
            ended.append(id)
        }
        return "\(ended)"
    }

    // MARK: Attempts

    mutating func claim(_ id: Int, attempt: Int, instance: Int) -> String {
        guard slots < bounds.running else { return "noSlot \(slots)" }
        guard let task = tasks[id], task.life.waiting == .forItsTurn, task.attempts.count + 1 == attempt,
            task.owner == nil || task.owner == instance, !task.rests, task.stop == nil
        else { return "notNow" }
        begin(id)
        return "claimed \(id) \(attempt)"
    }

    private mutating func begin(_ id: Int) {
        _ = tasks[id]?.life.take(.claim)
        tasks[id]?.attempts.append(Attempt())
        tasks[id]?.hasDeadline = false
        tasks[id]?.isOverdue = false
        log.append("attempt.claimed \(id)/\(tasks[id]?.attempts.count ?? 0)")
    }

    mutating func arm(_ id: Int, _ number: Int) -> String {
        if isLive(id, number), let stop = tasks[id]?.stop {
            return "stopRequested \(stop) \(tasks[id]?.force ?? false)"
        }
        return take(.arm, id, number, "attempt.armed") ? "armed" : "stale"
    }

    mutating func started(_ id: Int, _ number: Int) -> String {
        "\(take(.start, id, number, "attempt.started"))"
    }

    mutating func exited(_ id: Int, _ number: Int) -> String {
        "\(take(.exit, id, number, "attempt.exited"))"
    }

    mutating func stuck(_ id: Int, _ number: Int) -> String {
        let isNoted = take(.stick, id, number, "attempt.stuck")
        if isNoted { tasks[id]?.attempts[number - 1].isStuck = true }
        return "\(isNoted)"
    }

    mutating func stopping(_ id: Int, _ number: Int, _ reason: ReasonCode) -> String {
        guard isLive(id, number) else { return "stale" }
        let latched = tasks[id]?.stop ?? reason.rawValue
        tasks[id]?.stop = latched
        _ = take(.stop, id, number, "attempt.stopping")
        return latched
    }

    mutating func end(_ id: Int, _ number: Int, as state: String) -> String {
        guard take(.end, id, number, "attempt.ended") else { return "stale" }
        tasks[id]?.attempts[number - 1].isOver = true
        finish(id, state)
        return "ended \(state)"
    }

    /// - Parameter state: what it ends as if it is not wanted again.
    mutating func again(_ id: Int, _ number: Int, as state: String, counted: Bool, rests: Bool) -> String {
        if tasks[id]?.isUnwanted == true {
            let isCancelled = isLive(id, number) && tasks[id]?.stop?.hasPrefix("cancelled.") == true
            return end(id, number, as: isCancelled ? "cancelled" : state)
        }
        guard take(.again, id, number, "attempt.ended") else { return "stale" }
        log.append("task.requeued \(id)/\(number)")
        tasks[id]?.attempts[number - 1].isOver = true
        tasks[id]?.attempts[number - 1].isCounted = counted
        tasks[id]?.rests = rests
        tasks[id]?.stop = nil
        tasks[id]?.force = false
        tasks[id]?.isHandedOver = false
        return "requeued"
    }

    private func isLive(_ id: Int, _ number: Int) -> Bool {
        guard let task = tasks[id] else { return false }
        return task.life.attempt != nil && number == task.attempts.count
    }

    /// What has no meaning is counted in the attempt it was said of, also long after.
    private mutating func take(_ event: StateMachine.Event, _ id: Int, _ number: Int, _ kind: String) -> Bool {
        guard tasks[id] != nil else { return false }
        guard isLive(id, number), tasks[id]?.life.take(event) != .hasNoMeaning else {
            tasks[id]?.attempts[number - 1].ignored += 1
            return false
        }
        log.append("\(kind) \(id)/\(number)")
        return true
    }

    // MARK: Ends

    /// The task is over; so are those who needed it to end better, and those who waited for nothing else may run.
    private mutating func finish(_ id: Int, _ state: String) {
        tasks[id]?.end = state
        log.append("task.ended \(id)")
        var isSettled = false
        while !isSettled {
            isSettled = true
            for other in ids {
                guard let needs = tasks[other]?.needs, tasks[other]?.life.waiting == .forOthers,
                    needs.contains(where: { !$0.anyEnd && hasFailed($0.task) })
                else { continue }
                _ = tasks[other]?.life.take(.forsake)
                tasks[other]?.end = "cancelled"
                log.append("task.ended \(other)")
                isSettled = false
            }
        }
        for other in ids {
            guard let needs = tasks[other]?.needs, tasks[other]?.life.waiting == .forOthers,
                needs.allSatisfy({ tasks[$0.task]?.end != nil })
            else { continue }
            _ = tasks[other]?.life.take(.unblock)
            log.append("task.queued \(other)")
        }
    }

    private func hasFailed(_ id: Int) -> Bool { tasks[id]?.end != nil && tasks[id]?.end != "succeeded" }
}
