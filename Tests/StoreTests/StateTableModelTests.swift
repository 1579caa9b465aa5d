import Testing

@testable import Store

/// `StateMachine`'s table beside `Life`: what each says of the same events, in tasks that wait for one another and for slots.
struct StateTableModelTests {
    typealias Table = (StateMachine.Event) -> StateMachine.Row

    @Test func aMillionEventsWithoutADivergence() throws {
        let seed = UInt64.random(in: 1...UInt64.max)
        print("state table: seed \(seed)")
        #expect(Self.divergence(seed: seed, steps: 1_000_000, StateMachine.row) == nil, "seed \(seed)")
    }

    /// What no wrong cell gets past is every cell's proof.
    @Test func everyWrongCellIsFound() async {
        let answers: [StateMachine.Cell] = [.ignored, .stays] + Standing.allCases.map { .to($0) }
        for event in StateMachine.Event.allCases {
            for standing in Standing.allCases {
                // Other tests have deadlines.
                await Task.yield()
                for answer in answers where answer != StateMachine.row(event)[standing] {
                    let found = Self.divergence(seed: 42, steps: 200_000) { asked in
                        asked == event
                            ? StateMachine.row(asked).replacing(standing, by: answer) : StateMachine.row(asked)
                    }
                    #expect(found != nil, "\(event) at \(standing): nobody minds \(answer)")
                }
            }
        }
    }

    @Test func everyPromiseIsFlushedAndOnlyProgressIsNot() {
        for event in StateMachine.Event.allCases {
            let isProgress = [.start, .stop, .exit, .stick].contains(event)
            #expect(StateMachine.row(event).durability == (isProgress ? .normal : .full), "\(event)")
        }
        #expect(StateMachine.Event.allCases.filter { StateMachine.row($0).effect == .sendStart } == [.arm])
        #expect(StateMachine.Event.allCases.filter { StateMachine.row($0).effect == .wakeInstance } == [.ask])
    }
}

extension StateMachine.Row {
    fileprivate func replacing(_ standing: Standing, by cell: StateMachine.Cell) -> StateMachine.Row {
        func at(_ place: Standing) -> StateMachine.Cell { place == standing ? cell : self[place] }
        return StateMachine.Row(
            at(.blocked), at(.queued), at(.claimed), at(.armed), at(.running), at(.stopping), at(.exited), at(.ended),
            logged, durability, effect)
    }
}

extension StateTableModelTests {
    /// A task twice: as the table moves it, and as it is.
    private struct Twin {
        var standing: Standing
        var life: Life
        /// The places of tasks that have to end well before.
        var needs: [Int] = []
        /// What people were last shown; the leader's exit leaves it as it was.
        var shown: TaskState?
        var ends = 0

        init(after needs: [Int]) {
            self.needs = needs
            standing = needs.isEmpty ? .queued : .blocked
            life = Life(needs.isEmpty ? .forItsTurn : .forOthers)
            shown = needs.isEmpty ? .queued : .blocked
        }

        var holdsSlot: Bool { standing.attempt != nil && standing != .ended }

        /// How the two differ after `event`; nil where they agree.
        mutating func take(_ event: StateMachine.Event, _ table: Table) -> String? {
            let answer = life.take(event)
            switch table(event)[standing] {
            case .ignored: guard answer == .hasNoMeaning else { return "ignored, but \(answer)" }
            case .stays: guard answer == .isNoted else { return "stays, but \(answer)" }
            case .to(let next):
                guard answer == .moves else { return "goes to \(next), but \(answer)" }
                standing = next
                shown = next.task ?? (next == .ended ? nil : shown)
                if next == .ended { ends += 1 }
            }
            guard shown?.rawValue == life.taskState else {
                return "shown as \(shown?.rawValue ?? "over"), is \(life.taskState ?? "over")"
            }
            let row = standing == .ended ? nil : standing.attempt?.rawValue
            guard row == life.attemptState else {
                return "its attempt's row says \(row ?? "nothing"), it is \(life.attemptState ?? "none")"
            }
            return ends == (life.isOver ? 1 : 0) ? nil : "\(ends) ends"
        }
    }

    /// The first step at which they differ, and how.
    private static func divergence(seed: UInt64, steps: Int, _ table: Table) -> String? {
        var random = Seeded(state: seed)
        let slots = 3
        var twins = (0..<8).map { _ in Twin(after: []) }
        for step in 0..<steps {
            let place = Int.random(in: 0..<twins.count, using: &random)
            if twins[place].life.isOver, Int.random(in: 0..<4, using: &random) == 0 {
                let others = twins.indices.filter { !twins[$0].life.isOver }.shuffled(using: &random)
                twins[place] = Twin(after: Array(others.prefix(Int.random(in: 0...2, using: &random))))
                continue
            }
            let event = StateMachine.Event.allCases.randomElement(using: &random) ?? .end
            // Only those it waits for let it go or forsake it, and only a claim asks for a slot.
            if twins[place].standing == .blocked, event == .unblock || event == .forsake { continue }
            if event == .claim, twins.count(where: { $0.life.attempt != nil }) >= slots { continue }
            let (standing, wasOver) = (twins[place].standing, twins[place].life.isOver)
            var difference = twins[place].take(event, table)
            if twins[place].life.isOver, !wasOver, difference == nil {
                difference = settle(after: place, well: event == .end && Bool.random(using: &random), &twins, table)
            }
            if let difference { return "step \(step): \(event) at \(standing): \(difference)" }
            let used = twins.count(where: \.holdsSlot)
            guard used == twins.count(where: { $0.life.attempt != nil }), used <= slots else {
                return "step \(step): \(used) slots"
            }
        }
        return nil
    }

    /// What waits for the task at `place` learns how it ended, and so on.
    private static func settle(after place: Int, well: Bool, _ twins: inout [Twin], _ table: Table) -> String? {
        for other in twins.indices where twins[other].needs.contains(place) {
            twins[other].needs.removeAll { $0 == place }
            guard twins[other].standing == .blocked else { continue }
            if well, !twins[other].needs.isEmpty { continue }
            if let difference = twins[other].take(well ? .unblock : .forsake, table) {
                return "behind it: \(difference)"
            }
            if !well, let difference = settle(after: other, well: false, &twins, table) { return difference }
        }
        return nil
    }
}
