import Testing

@testable import Store

/// One run of actions against both sides, and what it found.
struct ModelRun {
    /// How the two sides came to differ.
    struct Divergence: CustomStringConvertible {
        /// Up to the one at which they differed.
        var actions: [ModelAction]
        var difference: String

        var description: String { "\(actions.map { "\($0)" }.joined(separator: "\n"))\n\(difference)" }
    }

    private static let bounds = QueueBounds(running: 4, waiting: 8)

    private var specification = Specification(bounds: bounds)
    private let store: StoreUnderTest
    private var done: [ModelAction] = []
    /// How often each answer was given to each kind of action.
    private(set) var answers: [String: Int] = [:]

    init(trigger: String? = nil) throws { store = try StoreUnderTest(bounds: Self.bounds, trigger: trigger) }

    /// From the beginning, on the same store.
    private init(again store: StoreUnderTest) throws {
        self.store = store
        try store.forgetEverything()
    }

    /// Random actions; nil where the two agree to the end.
    mutating func random(_ number: Int, seed: UInt64) async throws -> Divergence? {
        var dice = ModelDice(seed: seed)
        for step in 0..<number {
            if let found = try take(dice.next(specification)) { return found }
            // Other tests have deadlines.
            if step % 32 == 0 { await Task.yield() }
        }
        return try compareCounts(0)
    }

    private func replay(_ actions: [ModelAction]) throws -> Divergence? {
        var run = try ModelRun(again: store)
        for action in actions {
            if let found = try run.take(action) { return found }
        }
        return try run.compareCounts(0)
    }

    /// Leaves out whatever is not needed to see a difference: half of it, then ever smaller pieces.
    func shortest(_ found: Divergence, within time: Duration) async throws -> Divergence {
        let deadline = ContinuousClock.now + time
        var best = found
        var piece = max(best.actions.count / 2, 1)
        while ContinuousClock.now < deadline {
            var end = best.actions.count
            var isShorter = false
            // From the end: what came last is needed most, so most of what came before goes at once.
            while end > 0, ContinuousClock.now < deadline {
                await Task.yield()
                var actions = best.actions
                actions.removeSubrange(max(end - piece, 0)..<end)
                if let shorter = try replay(actions) {
                    best = shorter
                    isShorter = true
                    end = min(end, best.actions.count)
                }
                end -= piece
            }
            if piece == 1, !isShorter { break }
            piece = max(piece / 2, 1)
        }
        return best
    }

    // MARK: One action

    private mutating func take(_ action: ModelAction) throws -> Divergence? {
        // Whoever tells it and whoever looks are two processes, or one.
        let (teller, looker) = (done.count % 2, done.count / 2 % 2)
        done.append(action)
        guard let (expected, found) = try tell(action, teller) else { return nil }
        guard expected == found else { return divergence("answers \(found)", expected) }
        answers["\(action.name) \(expected.prefix { $0 != " " && $0 != "[" })", default: 0] += 1
        let (lines, log) = try store.look(looker)
        guard lines == specification.lines else {
            return divergence("shows\n" + lines.joined(separator: "\n"), specification.lines.joined(separator: "\n"))
        }
        let events = specification.takeLog()
        guard log == events else { return divergence("logs \(log)", "\(events)") }
        return done.count % 16 == 0 ? try compareCounts(looker) : nil
    }

    private func divergence(_ what: String, _ expected: String) -> Divergence {
        Divergence(actions: done, difference: "The store \(what)\ninstead of\n\(expected)")
    }

    private func compareCounts(_ connection: Int) throws -> Divergence? {
        let (slots, eligible, endsMatch) = try store.count(connection)
        guard slots == specification.slots else { return divergence("has \(slots) slots", "\(specification.slots)") }
        guard eligible == specification.eligible else {
            return divergence("queues \(eligible)", "\(specification.eligible)")
        }
        return endsMatch ? nil : divergence("logs other ends than it has", "the same")
    }

    /// What both sides say; nil where there is nobody to tell it of.
    private mutating func tell(_ action: ModelAction, _ connection: Int) throws -> (String, String)? {
        switch action {
        case .submit(let task, let request):
            return try (specification.submit(task, request), store.submit(connection, task, request))
        case .claim(let task, let number, let who):
            return try (
                specification.claim(task, attempt: number, instance: who),
                store.claim(connection, task, attempt: number, instance: who)
            )
        case .ask(let task, let origin, let force):
            return try (
                specification.ask(task, origin, force: force), store.ask(connection, task, origin, force: force)
            )
        case .refuse(let task): return try (specification.refuse(task), store.refuse(connection, task))
        case .remove(let task): return try (specification.remove(task), store.remove(connection, task))
        case .overdue(let task):
            specification.overdue(task)
            try store.overdue(task)
            return ("", "")
        case .rested(let task):
            specification.rested(task)
            try store.rested(task)
            return ("", "")
        case .expire: return try (specification.expire(), store.expire(connection))
        case .die(let who): return try (specification.died(who), store.die(who, connection))
        case .news(let news, let attempt, let forgery):
            guard let claim = store.claim(attempt, forgery) else { return nil }
            let found = try tell(news, claim, connection)
            return (forgery == nil ? expect(news, attempt) : refused(news), found)
        }
    }

    private func tell(_ news: ModelAction.News, _ claim: Claim, _ connection: Int) throws -> String {
        switch news {
        case .arm: return try store.arm(connection, claim)
        case .start: return try store.started(connection, claim)
        case .exit: return try store.exited(connection, claim)
        case .stick: return try store.stuck(connection, claim)
        case .stop(let reason): return try store.stopping(connection, claim, reason)
        case .end(let ending): return try store.conclude(connection, claim, .final(ending))
        case .again(let counted, let rests):
            let reason = Reason(.lostShepherd)
            let again = Again(reason, counted: counted, delayMs: rests ? 60_000 : 0)
            return try store.conclude(connection, claim, .again(Ending(reason), again))
        }
    }

    private mutating func expect(_ news: ModelAction.News, _ attempt: ModelAction.Attempt) -> String {
        let (task, number) = (attempt.task, attempt.number)
        switch news {
        case .arm: return specification.arm(task, number)
        case .start: return specification.started(task, number)
        case .exit: return specification.exited(task, number)
        case .stick: return specification.stuck(task, number)
        case .stop(let reason): return specification.stopping(task, number, reason)
        case .end(let ending): return specification.end(task, number, as: ending.state.rawValue)
        case .again(let counted, let rests):
            return specification.again(task, number, as: "lost", counted: counted, rests: rests)
        }
    }

    /// What a claim that is none is told.
    private func refused(_ news: ModelAction.News) -> String {
        switch news {
        case .start, .exit, .stick: "false"
        default: "stale"
        }
    }
}
