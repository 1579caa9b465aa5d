import Testing

@testable import Store

/// xorshift64*: the same numbers for the same seed everywhere.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 2_685_821_657_736_338_717
    }
}

struct PropertyTests {
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func noSequenceOfEventsEndsATaskTwiceOrRevivesIt(_ seed: UInt64) throws {
        var random = Seeded(state: seed &* 0x9e37_79b9_7f4a_7c15)
        let fixture = try Fixture()
        let store = try fixture.open()
        let who = try identity()
        let task = try store.enqueue(fixture.spec()).taskId
        var claims: [Claim] = []
        var final: TaskRecord?
        for step in 0..<60 {
            let claim = claims.randomElement(using: &random)
            switch (Int.random(in: 0..<12, using: &random), claim) {
            case (0, _), (1, _), (_, nil):
                if let claim = try store.claim(task, frozen: fixture.frozen, instance: who) { claims.append(claim) }
            case (2, let claim?), (3, let claim?): _ = try store.arm(claim, shepherd: fixture.shepherd)
            case (4, let claim?), (5, let claim?):
                _ = try store.started(claim, child: fixture.child, receipt: nil)
            case (6, let claim?): _ = try store.exited(claim, ExitFacts(exit: .code(1), signalledBefore: false))
            case (7, let claim?): _ = try store.stopping(claim, Reason(.timeoutWall))
            case (8, let claim?): _ = try store.requeue(claim, Reason(.lostShepherd))
            case (9, _) where step > 20: _ = try store.requestStop(task, by: .user)
            case (10, let claim?) where step > 20: _ = try store.end(claim, .succeeded)
            case (11, _) where step > 40: _ = try store.refuse(queued: task, Reason(.timeoutQueue))
            default: break
            }
            let record = try #require(try store.record(task))
            if let final { #expect(record == final) }
            if record.state.isTerminal { final = record }
            let kinds = try fixture.kinds(store)
            #expect(kinds.filter { $0 == "task.ended" }.count == (record.state.isTerminal ? 1 : 0))
            #expect(kinds.filter { $0 == "attempt.claimed" }.count == claims.count)
            let live = try store.unfinished().attempts
            #expect(live.count <= 1)
            #expect(live.isEmpty == (record.state == .queued || record.state.isTerminal))
            #expect(kinds.filter { $0 == "attempt.ended" }.count == claims.count - live.count)
        }
    }
}
