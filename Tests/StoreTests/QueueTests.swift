import GRDB
import Testing

@testable import Store

/// In which order tasks are taken from the queue.
struct QueueTests {
    let fixture: Fixture
    let store: Store

    init() throws {
        fixture = try Fixture()
        store = try fixture.open()
    }

    @discardableResult
    private func submit(_ name: String, _ priority: Priority = .normal, to other: Store? = nil) throws -> TaskID {
        var spec = fixture.spec(name)
        spec.priority = priority
        return try (other ?? store).enqueue(spec).taskId
    }

    private func order(_ other: Store? = nil) throws -> [String] {
        try (other ?? store).eligible(limit: 1000).map { $0.spec.name ?? "" }
    }

    /// As if the wall clock had shown `milliseconds` less when the task was made.
    private func age(_ id: TaskID, by milliseconds: Int64) throws {
        try store.execute(
            "UPDATE task SET created_at = created_at - ?, rank = rank - ? WHERE id = ?",
            [milliseconds, milliseconds, id.text])
    }

    @Test func higherClassesGoFirst() throws {
        try submit("n", .normal)
        try submit("h", .high)
        try submit("u", .urgent)
        try submit("n2", .normal)
        try submit("u2", .urgent)
        #expect(try order() == ["u", "u2", "h", "n", "n2"])
    }

    @Test func theFirstIsFirstWithinAClassAlsoAfterARestart() throws {
        var arrived: [Priority: [String]] = [:]
        for number in 0..<30 {
            let priority = Priority.allCases[number % 3]
            try submit("\(number)", priority)
            arrived[priority, default: []].append("\(number)")
        }
        let expected = Priority.allCases.flatMap { arrived[$0] ?? [] }
        #expect(try order() == expected)
        try store.close()
        let again = try fixture.open()
        #expect(try order(again) == expected)
        try submit("last", .urgent, to: again)
        #expect(try order(again).firstIndex(of: "last") == 10)
    }

    @Test(arguments: [
        (Priority.normal, Priority.urgent), (.high, .urgent), (.normal, .high),
    ])
    func whoHasWaitedLongerThanTheHandicapGoesFirst(_ waiting: Priority, _ new: Priority) throws {
        let old = try submit("old", waiting)
        let handicap = waiting.handicap - new.handicap
        try age(old, by: handicap - 30_000)
        try submit("new", new)
        #expect(try order() == ["new", "old"])
        try age(old, by: 31_000)
        #expect(try order() == ["old", "new"])
    }

    @Test func whatIsTriedAgainKeepsItsPlace() throws {
        try submit("first")
        try submit("second")
        let first = try #require(try store.eligible(limit: 1).first)
        let claim = try #require(try store.claim(first.id, frozen: fixture.frozen, instance: identity()))
        #expect(try order() == ["second"])
        #expect(try store.requeue(claim, Reason(.spawnResources)) == .requeued(.spawnResources))
        #expect(try order() == ["first", "second"])
    }

    @Test func whatRestsBetweenTwoAttemptsIsNotInTheWay() throws {
        try submit("first")
        try submit("second")
        let first = try #require(try store.eligible(limit: 1).first)
        let who = try identity()
        let claim = try #require(try store.claim(first.id, frozen: fixture.frozen, instance: who))
        let reason = Reason(.exitNonzero)
        let again = Again(reason, counted: true, delayMs: 60_000)
        #expect(try store.conclude(claim, .again(Ending(reason), again)) == .requeued(.exitNonzero))
        #expect(try order() == ["second"])
        #expect(try store.claim(first.id, frozen: fixture.frozen, instance: who) == nil)
        let change = try #require(try store.nextQueueChange())
        #expect(abs(change - boottimeNanoseconds() - 60_000_000_000) < 10_000_000_000)
        try store.execute("UPDATE task SET not_before_boottime = 0 WHERE id = ?", [first.id.text])
        #expect(try order() == ["first", "second"])
        #expect(try store.queuedTask(first.id)?.attempt == 2)
    }
}

/// The clock of the wall is set by people and by the network. A year is more than any task waits.
extension QueueTests {
    private static let year: Int64 = 365 * 86_400_000

    @Test(arguments: [-10 * year, -year, -3_600_000, 3_600_000, year, 10 * year], Priority.allCases)
    func theFirstIsFirstWhateverTheClockIsSetTo(_ step: Int64, _ priority: Priority) throws {
        // Made before the clock was set: by `-step` on the new clock.
        for name in ["1", "2"] { try age(submit(name, priority), by: step) }
        for name in ["3", "4"] { try submit(name, priority) }
        #expect(try order() == ["1", "2", "3", "4"])
    }

    @Test func aClockThatIsSetBackLetsNobodyStarve() throws {
        // Made while the clock was a year ahead.
        let ahead = try submit("ahead")
        try age(ahead, by: -Self.year)
        try submit("behind it")
        try submit("urgent", .urgent)
        #expect(try order() == ["urgent", "ahead", "behind it"])
        // As if the handicap had passed since.
        try store.execute("UPDATE task SET rank = rank - ?", [Priority.normal.handicap + 1000])
        try submit("urgent, later", .urgent)
        #expect(try order() == ["urgent", "ahead", "behind it", "urgent, later"])
    }
}
