import Testing

@testable import Store

/// Two connections stand for two processes: SQLite's locks do not tell them apart.
struct RaceTests {
    @Test func twoHundredCancelsRacingTwoHundredEndingsGiveOneEndEach() async throws {
        let fixture = try Fixture()
        let one = try fixture.open()
        let two = try fixture.open()
        var claims: [Claim] = []
        for _ in 0..<200 {
            let claim = try one.enqueueAndClaim(fixture.spec(), frozen: fixture.frozen, instance: identity())
            #expect(try one.arm(claim, shepherd: fixture.shepherd) == .armed)
            claims.append(claim)
        }
        let wins = try await withThrowingTaskGroup(of: (TaskID, Bool).self) { group in
            for claim in claims {
                group.addTask { (claim.taskID, try one.end(claim, .succeeded)) }
                group.addTask { (claim.taskID, try two.end(claim, Ending(Reason(.timeoutWall)))) }
                group.addTask {
                    _ = try two.requestStop(claim.taskID, by: .user)
                    return (claim.taskID, try two.end(claim, Ending(StopOrigin.user.reason)))
                }
            }
            var wins: [TaskID: Int] = [:]
            for try await (task, won) in group where won { wins[task, default: 0] += 1 }
            return wins
        }
        #expect(wins.count == 200 && wins.values.allSatisfy { $0 == 1 })
        for claim in claims {
            let events = try one.events(task: claim.taskID)
            let ended = events.filter { $0.kind == "task.ended" }
            #expect(ended.count == 1)
            #expect(events.filter { $0.kind == "attempt.ended" }.count == 1)
            #expect(try one.record(claim.taskID)?.state.rawValue == ended.first?.data["state"]?.stringValue)
        }
    }

    @Test func cancelsRacingClaimsEitherPreventTheStartOrAreSeenByIt() async throws {
        let fixture = try Fixture()
        let one = try fixture.open()
        let two = try fixture.open()
        let who = try identity()
        for _ in 0..<100 {
            let task = try one.enqueue(fixture.spec()).taskId
            async let claiming = Task.detached { try one.claim(task, frozen: fixture.frozen, instance: who) }.value
            async let stopping = Task.detached { try two.requestStop(task, by: .user) }.value
            let (claim, stop) = try await (claiming, stopping)
            switch stop {
            case .cancelledAtOnce: #expect(claim == nil)
            case .recorded:
                let claim = try #require(claim)
                let answer = try one.arm(claim, shepherd: fixture.shepherd)
                #expect(answer == .stopRequested(StopRequest(reason: StopOrigin.user.reason, force: false)))
            default: Issue.record("\(String(describing: stop))")
            }
        }
    }

    @Test func aTaskIsClaimedByOneOfMany() async throws {
        let fixture = try Fixture()
        let stores = try (0..<4).map { _ in try fixture.open() }
        let tasks = try (0..<50).map { _ in try stores[0].enqueue(fixture.spec()).taskId }
        let who = try identity()
        let claims = try await withThrowingTaskGroup(of: Claim?.self) { group in
            for task in tasks {
                for store in stores {
                    group.addTask { try store.claim(task, frozen: fixture.frozen, instance: who) }
                }
            }
            return try await group.reduce(into: [Claim]()) { if let claim = $1 { $0.append(claim) } }
        }
        #expect(Set(claims.map(\.taskID)) == Set(tasks) && claims.count == tasks.count)
        #expect(Set(claims.map(\.fence)).count == tasks.count)
    }
}
