import Testing

@testable import Store

struct QueryTests {
    let fixture: Fixture
    let store: Store

    init() throws {
        fixture = try Fixture()
        store = try fixture.open()
    }

    @Test func aUniquePrefixNamesATask() throws {
        let one = try #require(TaskID("task_ab" + String(repeating: "a", count: 24)))
        let two = try #require(TaskID("task_ac" + String(repeating: "a", count: 24)))
        for id in [one, two] {
            _ = try store.enqueueAndClaim(fixture.spec(), id: id, frozen: fixture.frozen, instance: identity())
        }
        #expect(try store.find(one.text) == .unique(one))
        #expect(try store.find("task_ab") == .unique(one))
        #expect(try store.find("ac") == .unique(two))
        #expect(try store.find("task_a") == .ambiguous([one, two]))
        #expect(try store.find(one.text + "a") == .none)
        for nonsense in ["", "z", "task_%", "a'b", "A", "a~", "ä"] { #expect(try store.find(nonsense) == .none) }
    }

    @Test func listsAreNewestFirstAndFiltered() throws {
        for number in 0..<6 {
            let labels = number % 2 == 0 ? ["even", "x'y", "even"] : []
            let record = try store.enqueue(fixture.spec("\(number)", labels: labels))
            if number < 2 { _ = try store.requestStop(record.taskId, by: .user) }
        }
        func names(_ filter: TaskFilter) throws -> [String?] { try store.list(filter).map(\.name) }
        #expect(try names(TaskFilter()) == ["5", "4", "3", "2", "1", "0"])
        #expect(try names(TaskFilter(limit: 2)) == ["5", "4"])
        #expect(try names(TaskFilter(states: [.cancelled, .lost])) == ["1", "0"])
        #expect(try names(TaskFilter(labels: ["even", "x'y"])) == ["4", "2", "0"])
        #expect(try names(TaskFilter(states: [.queued], labels: ["even"], limit: 1)) == ["4"])
        #expect(try names(TaskFilter(states: [.queued, .cancelled], labels: ["x'y"])) == ["4", "2", "0"])
        #expect(try names(TaskFilter(labels: ["even", "odd"])).isEmpty)
        #expect(try names(TaskFilter(labels: ["even"], since: Timestamp(milliseconds: 0), limit: 2)) == ["4", "2"])
        let first = try #require(try store.list(TaskFilter(states: [.cancelled], labels: ["even"])).first?.taskId)
        #expect(try store.remove(first) == .removed)
        #expect(try names(TaskFilter(labels: ["even"])) == ["4", "2"])
        #expect(try names(TaskFilter(since: Timestamp(milliseconds: .max))).isEmpty)
        #expect(try store.eligible(limit: 2).map(\.spec.name) == ["2", "3"])
    }

    @Test func aFollowerThatRestartsMissesNothingAndSeesNothingTwice() throws {
        var seen: [Int64] = []
        for round in 0..<5 {
            for _ in 0...round { _ = try store.refuse(fixture.spec(), Reason(.refusedConfig)) }
            while case let page = try store.events(since: seen.last ?? 0, limit: 3), !page.isEmpty {
                seen += page.map(\.seq)
            }
        }
        #expect(seen == seen.sorted() && Set(seen).count == seen.count)
        #expect(try seen == store.events().map(\.seq))
    }

    @Test func unfinishedAttemptsCarryWhatRecoveryNeeds() throws {
        let who = try identity()
        let claim = try store.enqueueAndClaim(fixture.spec(), frozen: fixture.frozen, instance: who)
        _ = try store.arm(claim, shepherd: fixture.shepherd)
        _ = try store.requestStop(claim.taskID, by: .shutdown, force: true)
        let found = try #require(try store.unfinished().attempts.first)
        #expect(found.claim == claim && found.instance == who.id && found.bootID == who.bootID)
        #expect(found.state == .armed && found.shepherd == fixture.shepherd && found.frozen == fixture.frozen)
        #expect(found.stop == StopRequest(reason: Reason(.cancelledShutdown), force: true))
    }
}
