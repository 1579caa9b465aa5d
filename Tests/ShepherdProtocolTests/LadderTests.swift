import Testing

@testable import ShepherdProtocol

@Suite("Ladder")
struct LadderTests {
    private func ladder(
        wall: UInt64 = .max, idle: UInt64 = .max, grace: UInt64 = 100, orphanGrace: UInt64 = 50, linger: UInt64 = 0
    ) -> Ladder {
        var clocks = Clocks()
        clocks.wall = wall
        clocks.idle = idle
        clocks.grace = grace
        clocks.orphanGrace = orphanGrace
        clocks.linger = linger
        clocks.killWait = 1000
        return Ladder(clocks: clocks)
    }

    @Test("the first reason stays, later requests only add force")
    func latch() {
        var ladder = ladder()
        ladder.released(at: 0)
        #expect(ladder.stop(.wall, force: false, at: 10) == [.terminate, .announce])
        #expect(ladder.stop(.cancel, force: false, at: 11) == [])
        #expect(ladder.reason == .wall)
        #expect(ladder.stop(.cancel, force: true, at: 12) == .kill)
        #expect(ladder.reason == .wall)
    }

    @Test("the leader's exit does not cancel the escalation while survivors live")
    func escalation() {
        var ladder = ladder()
        ladder.released(at: 0)
        _ = ladder.stop(.cancel, force: false, at: 10)
        #expect(ladder.leaderExited(survivors: 2, at: 20) == [])
        #expect(ladder.nextDeadline == 110)
        #expect(ladder.expire(at: 109) == [])
        #expect(ladder.expire(at: 110) == .kill)
    }

    @Test("an exit before our signal is the worker's own, also when a stop comes a moment later")
    func exitFirst() {
        var ladder = ladder(linger: 500)
        ladder.released(at: 0)
        #expect(ladder.leaderExited(survivors: 1, at: 10) == [])
        #expect(ladder.stop(.cancel, force: false, at: 11) == .kill)
        #expect(!ladder.ourSignal)
        #expect(ladder.reason == .none)
    }

    @Test("an exit after our signal is ours")
    func signalFirst() {
        var ladder = ladder(wall: 10)
        ladder.released(at: 0)
        #expect(ladder.nextDeadline == 10)
        #expect(ladder.expire(at: 9) == [])
        #expect(ladder.expire(at: 10) == [.terminate, .announce])
        _ = ladder.leaderExited(survivors: 0, at: 11)
        #expect(ladder.ourSignal)
        #expect(ladder.reason == .wall)
    }

    @Test("survivors of a natural exit get their linger, then the end")
    func linger() {
        var ladder = ladder(linger: 30)
        ladder.released(at: 0)
        #expect(ladder.leaderExited(survivors: 3, at: 100) == [])
        #expect(ladder.expire(at: 129) == [])
        #expect(ladder.expire(at: 130) == .kill)
        #expect(!ladder.ourSignal)
    }

    @Test("output puts the idle timeout off, the wall timeout it does not")
    func idle() {
        var ladder = ladder(wall: 1000, idle: 50)
        ladder.released(at: 0)
        ladder.output(at: 40)
        #expect(ladder.nextDeadline == 90)
        for time in stride(from: UInt64(80), to: 1000, by: 40) { ladder.output(at: time) }
        #expect(ladder.expire(at: 1000) == [.terminate, .announce])
        #expect(ladder.reason == .wall)
    }

    @Test("a supervisor that is gone gives its own grace")
    func orphan() {
        var ladder = ladder()
        ladder.released(at: 0)
        #expect(ladder.stop(.supervisorGone, force: false, at: 5).contains(.terminate))
        #expect(ladder.nextDeadline == 55)
    }

    @Test("a stop before exec kills at once, and a tree that does not die is reported again and again")
    func stuck() {
        var ladder = ladder()
        #expect(ladder.stop(.cancel, force: false, at: 5) == [.kill, .announce])
        #expect(ladder.expire(at: 1004) == [])
        #expect(ladder.expire(at: 1005) == [.kill, .reportStuck])
        #expect(ladder.expire(at: 2005) == [.kill, .reportStuck])
        ladder.emptied()
        #expect(ladder.nextDeadline == nil)
        #expect(ladder.stop(.wall, force: true, at: 3000) == [])
    }

    @Test("no bound means never, also near the end of time")
    func never() {
        var ladder = ladder()
        ladder.released(at: .max - 1)
        #expect(ladder.nextDeadline == nil)
        #expect((UInt64.max - 3).addingClamped(10) == .max)
    }

    @Test("whatever happens in whatever order, every stopped tree is killed in the end", arguments: 0..<200)
    func anyOrder(seed: Int) {
        var random = SplitMix64(state: UInt64(seed))
        var ladder = ladder(wall: 5000, idle: 3000, linger: seed % 2 == 0 ? 0 : 200)
        var now: UInt64 = 0
        var killed = false
        var reasons: Set<StopReason> = []
        ladder.released(at: now)
        for _ in 0..<40 {
            now += UInt64.random(in: 0...400, using: &random)
            var actions: Ladder.Actions = []
            switch Int.random(in: 0..<6, using: &random) {
            case 0: actions = ladder.stop(.cancel, force: Bool.random(using: &random), at: now)
            case 1 where !ladder.leaderGone:
                actions = ladder.leaderExited(survivors: UInt32.random(in: 0...2, using: &random), at: now)
            case 2: ladder.output(at: now)
            default: actions = ladder.expire(at: now)
            }
            killed = killed || actions.contains(.kill)
            if ladder.reason != .none { reasons.insert(ladder.reason) }
        }
        #expect(reasons.count <= 1)
        while !killed, let next = ladder.nextDeadline { killed = ladder.expire(at: next).contains(.kill) }
        #expect(killed)
    }
}

@Suite("Capture layout")
struct CaptureLayoutTests {
    @Test(
        "every offset that is kept has its own place in the file",
        arguments: [(0, 0), (0, 7), (5, 0), (5, 7), (1, 1), (64, 3)] as [(UInt64, UInt64)])
    func places(head: UInt64, tail: UInt64) {
        let layout = CaptureLayout(head: head, tail: tail)
        for total in UInt64(0)...200 {
            #expect(layout.stored(total: total) == min(total, head + tail))
            #expect(layout.stored(total: total) + layout.dropped(total: total) == total)
            var places: Set<UInt64> = []
            for offset in Array(0..<min(head, total))
                + Array(max(min(head, total), layout.tailStart(total: total))..<total)
            {
                let run = layout.run(at: offset, count: 1)
                #expect(run.count == 1)
                guard let position = run.position else {
                    Issue.record("offset \(offset) of \(total) has no place")
                    continue
                }
                #expect(position < head + tail)
                places.insert(position)
                if total <= head + tail { #expect(position == offset) }
            }
            #expect(UInt64(places.count) == layout.stored(total: total))
        }
    }
}
