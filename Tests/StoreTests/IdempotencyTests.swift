import Testing

@testable import Store

struct IdempotencyTests {
    let fixture: Fixture
    let store: Store

    init() throws {
        fixture = try Fixture()
        store = try fixture.open()
    }

    private func spec(_ name: String = "n", key: String? = "k") -> TaskSpec {
        var spec = fixture.spec(name)
        spec.idempotencyKey = key
        return spec
    }

    @Test func theSameRequestIsTheSameTask() throws {
        let first = try #require(try store.submit(spec()).record)
        let before = try store.everything()
        #expect(try store.submit(spec()) == .existing(first))
        // Also where it is asked for from elsewhere, or would start at once, or where nothing more may wait.
        var elsewhere = spec()
        elsewhere.surroundings = ["PATH": "/elsewhere"]
        #expect(try store.submit(elsewhere) == .existing(first))
        #expect(try store.submit(spec(), owner: identity(), claiming: fixture.frozen) == .existing(first))
        #expect(try store.submit(spec(), bounds: QueueBounds(running: 0, waiting: 0)) == .existing(first))
        #expect(try store.everything() == before)
    }

    @Test func itStaysTheSameWhateverHasBecomeOfIt() throws {
        let claim = try store.enqueueAndClaim(spec(), frozen: fixture.frozen, instance: identity())
        #expect(try store.submit(spec()).record?.state == .starting)
        #expect(try store.end(claim, Ending(Reason(.exitNonzero))))
        guard case .existing(let record) = try store.submit(spec()) else {
            Issue.record("a second task")
            return
        }
        #expect(record.taskId == claim.taskID && record.state == .failed)
    }

    @Test func anotherRequestMayNotHaveTheKey() throws {
        _ = try store.submit(spec())
        try expectRefused(.idempotencyConflict, by: store) { try store.submit(spec("other")) }
        var urgent = spec()
        urgent.priority = .urgent
        try expectRefused(.idempotencyConflict, by: store) { try store.submit(urgent) }
        _ = try store.submit(spec("other", key: "K"))
        _ = try store.submit(spec("other", key: nil))
        _ = try store.submit(spec("other", key: nil))
        #expect(try store.counts() == [.queued: 4])
    }

    @Test func aRemovedTaskGivesItsKeyBack() throws {
        let first = try #require(try store.submit(spec()).record?.taskId)
        #expect(try store.requestStop(first, by: .user) == .cancelledAtOnce)
        #expect(try store.remove(first) == .removed)
        let second = try #require(try store.submit(spec("other")).record?.taskId)
        #expect(second != first)
    }

    @Test func whatWasRefusedDoesNotKeepTheKey() throws {
        #expect(try store.refuse(spec("wrong"), Reason(.refusedCeiling)).state == .refused)
        guard case .created = try store.submit(spec("right")) else {
            Issue.record("the key is gone")
            return
        }
    }

    @Test func aHundredAtOnceMakeOneTask() async throws {
        let other = try fixture.open()
        let ids = try await withThrowingTaskGroup(of: TaskID?.self) { group in
            for number in 0..<100 {
                let store = number % 2 == 0 ? store : other
                group.addTask { try store.submit(spec()).record?.taskId }
            }
            return try await group.reduce(into: Set<TaskID?>()) { $0.insert($1) }
        }
        #expect(ids.count == 1 && !ids.contains(nil))
        #expect(try fixture.kinds(store).filter { $0 == "task.created" }.count == 1)
    }
}
