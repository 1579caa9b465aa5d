import GRDB
import Testing

@testable import Store

/// `--after` and `--after-any`.
struct DependencyTests {
    let fixture: Fixture
    let store: Store
    let who: InstanceIdentity

    init() throws {
        fixture = try Fixture()
        store = try fixture.open()
        who = try identity()
    }

    private func submit(after: [TaskID] = [], afterAny: [TaskID] = []) throws -> TaskID {
        try store.enqueue(spec(after: after, afterAny: afterAny)).taskId
    }

    private func spec(after: [TaskID] = [], afterAny: [TaskID] = []) -> TaskSpec {
        var spec = fixture.spec()
        spec.after = after.isEmpty ? nil : after
        spec.afterAny = afterAny.isEmpty ? nil : afterAny
        return spec
    }

    private func end(_ task: TaskID, _ ending: Ending = .succeeded) throws {
        let claim = try #require(try store.claim(task, frozen: fixture.frozen, instance: who))
        #expect(try store.end(claim, ending))
    }

    private func states(_ tasks: [TaskID]) throws -> [TaskState?] { try tasks.map { try store.record($0)?.state } }

    @Test func aChainRunsLinkByLink() throws {
        let first = try submit()
        let second = try submit(after: [first])
        let third = try submit(after: [second])
        #expect(try states([first, second, third]) == [.queued, .blocked, .blocked])
        #expect(try store.claim(second, frozen: fixture.frozen, instance: who) == nil)
        try end(first)
        #expect(try states([first, second, third]) == [.succeeded, .queued, .blocked])
        try end(second)
        #expect(try states([third]) == [.queued])
        #expect(try fixture.kinds(store, third) == ["task.created", "task.blocked", "task.queued"])
    }

    @Test func aDiamondMeetsOnce() throws {
        let top = try submit()
        let sides = try [submit(after: [top]), submit(after: [top])]
        let bottom = try submit(after: sides)
        try end(top)
        try end(sides[0])
        #expect(try states([bottom]) == [.blocked])
        try end(sides[1])
        #expect(try states([bottom]) == [.queued])
        #expect(try fixture.kinds(store, bottom).filter { $0 == "task.queued" }.count == 1)
    }

    @Test func aHundredCanBeWaitedForAndNoMore() throws {
        let many = try (0...QueueBounds.mostDependencies).map { _ in try submit() }
        try expectRefused(.dependencyInvalid, by: store) { try store.submit(spec(after: many)) }
        try expectRefused(.dependencyInvalid, by: store) {
            try store.submit(spec(after: Array(many.prefix(60)), afterAny: Array(many.suffix(41))))
        }
        let last = try submit(after: Array(many.dropLast()))
        for task in many.dropLast(2) { try end(task) }
        #expect(try states([last]) == [.blocked])
        try end(many[QueueBounds.mostDependencies - 1])
        #expect(try states([last]) == [.queued])
    }

    @Test func whatCannotBeWaitedForIsRefusedAndNothingIsStored() throws {
        let known = try submit()
        try expectRefused(.dependencyMissing, by: store) { try store.submit(spec(after: [.random()])) }
        try expectRefused(.dependencyMissing, by: store) {
            try store.submit(spec(after: [known], afterAny: [.random()]))
        }
        try expectRefused(.dependencyInvalid, by: store) { try store.submit(spec(after: [known, known])) }
        try expectRefused(.dependencyInvalid, by: store) { try store.submit(spec(after: [known], afterAny: [known])) }
        let itself = TaskID.random()
        try expectRefused(.dependencyInvalid, by: store) { try store.submit(spec(after: [itself]), id: itself) }
        try expectRefused(.dependencyInvalid, by: store) { try store.submit(spec(afterAny: [itself]), id: itself) }
        // Also where it would have run at once.
        try expectRefused(.dependencyMissing, by: store) {
            try store.submit(spec(after: [.random()]), owner: who, claiming: fixture.frozen)
        }
    }

    @Test func aCircleCannotEvenBeWrittenDown() throws {
        let first = try submit()
        let second = try submit(after: [first])
        func number(_ id: TaskID) throws -> Int64? {
            try store.read { try Int64.fetchOne($0, sql: "SELECT number FROM task WHERE id = ?", arguments: [id.text]) }
        }
        for (task, needs) in [(first, second), (first, first)] {
            let before = try store.everything()
            #expect(throws: StoreError.self) {
                try store.execute(
                    "INSERT INTO dependency (task, needs, any_end) VALUES (?, ?, 0)", [number(task), number(needs)])
            }
            #expect(try store.everything() == before)
        }
    }
}

/// What becomes of those who wait when it ends otherwise than well.
extension DependencyTests {
    static let badEndings = [
        Ending(Reason(.exitNonzero)), Ending(Reason(.cancelledUser)), Ending(Reason(.timeoutWall)),
        Ending(Reason(.refusedPolicy)), Ending(Reason(.lostShepherd)),
    ]

    @Test(arguments: badEndings) func aBadEndForsakesAllThatWait(_ ending: Ending) throws {
        let first = try submit()
        let second = try submit(after: [first])
        let third = try submit(after: [second])
        let patient = try submit(afterAny: [second])
        try end(first, ending)
        #expect(try states([first, second, third, patient]) == [ending.state, .cancelled, .cancelled, .queued])
        let reason = try #require(try store.record(second)?.reason)
        #expect(reason.code == .cancelledDependency && reason.message.contains(first.text))
        #expect(reason.detail == ["taskId": .string(first.text), "state": .string(ending.state.rawValue)])
        #expect(try store.record(third)?.reason?.message.contains(second.text) == true)
    }

    @Test(arguments: badEndings) func whatHasEndedAlreadyIsDealtWithAtOnce(_ ending: Ending) throws {
        let good = try submit()
        let bad = try submit()
        try end(good)
        try end(bad, ending)
        #expect(try states([submit(after: [good]), submit(afterAny: [good, bad])]) == [.queued, .queued])
        let forsaken = try submit(after: [good, bad])
        #expect(try states([forsaken]) == [.cancelled])
        #expect(try fixture.kinds(store, forsaken) == ["task.created", "task.ended"])
        // It is waited for as any other that has ended badly.
        #expect(try states([submit(after: [forsaken]), submit(afterAny: [forsaken])]) == [.cancelled, .queued])
        // What waits for something else besides is not kept waiting.
        let open = try submit()
        #expect(try states([submit(after: [bad], afterAny: [open])]) == [.cancelled])
        #expect(try states([submit(after: [good, open])]) == [.blocked])
    }

    @Test func whoeverEndsIt() throws {
        let forsaken = try (0..<4).map { _ in
            let needed = try submit()
            return (needed, try submit(after: [needed]))
        }
        #expect(try store.requestStop(forsaken[0].0, by: .user) == .cancelledAtOnce)
        #expect(try store.refuse(queued: forsaken[1].0, Reason(.refusedWorkspace)))
        try store.execute(
            "UPDATE task SET clock_boot = ?, queue_deadline_boottime = 1 WHERE id = ?",
            [Host.bootID(), forsaken[2].0.text])
        #expect(try store.expireQueued() == [forsaken[2].0])
        try store.execute("UPDATE task SET owner = 'inst_dead' WHERE id = ?", [forsaken[3].0.text])
        #expect(try store.endOrphaned() == [forsaken[3].0])
        #expect(try states(forsaken.map(\.0)) == [.cancelled, .refused, .timedOut, .lost])
        #expect(try states(forsaken.map(\.1)) == Array(repeating: .cancelled, count: 4))
    }

    @Test func anAttemptThatIsTriedAgainIsNoEnd() throws {
        let first = try submit()
        let second = try submit(after: [first])
        let claim = try #require(try store.claim(first, frozen: fixture.frozen, instance: who))
        let reason = Reason(.exitNonzero)
        #expect(
            try store.conclude(claim, .again(Ending(reason), Again(reason, counted: true))) == .requeued(.exitNonzero))
        #expect(try states([first, second]) == [.queued, .blocked])
        try end(first)
        #expect(try states([second]) == [.queued])
    }

    @Test func oneBadEndIsEnoughThoughAnotherMayBeAny() throws {
        // Both sides end in the same cascade; one of them may end as it likes, the other had to succeed.
        let top = try submit()
        let must = try submit(after: [top])
        let may = try submit(after: [top])
        let bottom = try submit(after: [must], afterAny: [may])
        let other = try submit(after: [may], afterAny: [must])
        try end(top, Ending(Reason(.exitNonzero)))
        #expect(try states([must, may, bottom, other]) == Array(repeating: .cancelled, count: 4))
    }

    @Test func aChainOfAThousandFallsInOneTransaction() throws {
        let first = try submit()
        var chain = [first]
        for _ in 0..<1000 { chain.append(try submit(after: [chain[chain.count - 1]])) }
        let before = try store.lastEvent()
        try end(first, Ending(Reason(.timeoutWall)))
        #expect(try states(chain) == [.timedOut] + Array(repeating: .cancelled, count: 1000))
        let moments = try store.read {
            try Int64.fetchSet(
                $0, sql: "SELECT boottime FROM event WHERE seq > ? AND kind = 'task.ended'", arguments: [before])
        }
        // Each transaction has its own moment.
        #expect(moments.count == 1)
        #expect(try store.record(chain[1000])?.reason?.message.contains(chain[999].text) == true)
    }

    @Test func aThousandThatWaitForOneAreLetGoTogether() throws {
        let first = try submit()
        let crowd = try (0..<1000).map { _ in try submit(after: [first]) }
        try end(first)
        #expect(try store.counts() == [.queued: 1000])
        #expect(try store.eligible(limit: 1000).map(\.id) == crowd)
    }

    @Test func removingWhatHasEndedChangesNothingForThoseWhoWait() throws {
        let done = try submit()
        let open = try submit()
        try end(done)
        let waiting = try submit(after: [done, open])
        #expect(try store.remove(done) == .removed)
        #expect(try states([waiting]) == [.blocked])
        #expect(try store.record(waiting)?.after == [done, open])
        try end(open)
        #expect(try states([waiting]) == [.queued])
    }

    @Test func whatWaitsCanBeCancelled() throws {
        let first = try submit()
        let second = try submit(after: [first])
        let third = try submit(after: [second])
        #expect(try store.requestStop(second, by: .user) == .cancelledAtOnce)
        #expect(try states([first, second, third]) == [.queued, .cancelled, .cancelled])
        try end(first)
        #expect(try store.record(second)?.reason?.code == .cancelledUser)
    }
}
