import Testing

@testable import Supervision

/// How fast concurrency grows.
struct StartRateTests {
    /// T13: a restart with many queued tasks is no burst.
    @Test func aRestartWithAThousandQueuedTasksStartsThemOneAfterAnother() {
        var admission = Admission(AdmissionLimits())
        var starts: [Double] = []
        for step in 0..<600 {
            let now = Double(step) / 10
            guard admission.ask(.plenty, running: starts.count, of: 1000, at: now).ok else { continue }
            admission.started(Int64(step), kind: "claude", at: .seconds(now))
            starts.append(now)
        }
        // Two at once, then one every two seconds, because something always settles.
        #expect(starts.prefix(4) == [0, 0.1, 2, 4])
        #expect(starts.count == 31)
    }

    @Test func oncePastSettlingTheyComeEverySecond() {
        var admission = Admission(AdmissionLimits())
        for id in 1...2 as ClosedRange<Int64> { admission.started(id, kind: "claude", at: .seconds(0)) }
        // 7.5 tokens in the first 15 s would be more than the burst.
        for id in 3...4 as ClosedRange<Int64> {
            #expect(admission.ask(.plenty, at: 30).ok)
            admission.started(id, kind: "claude", at: .seconds(30))
        }
        let blocked = admission.ask(.plenty, at: 30)
        #expect(blocked.codes == ["startRate"])
        #expect(blocked.blockedBy.first?.retryInMs == 2000)
        #expect(blocked.blockedBy.first?.bound == "1 a second")
    }

    @Test func whoComesBackWhenToldIsLetThrough() throws {
        for rate in [0.3, 1, 7, 1000] {
            var tokens = StartTokens(rate: rate, burst: 1)
            tokens.advance(to: 0, settled: 0)
            _ = tokens.take()
            var now = Int64(0)
            for settled in [0, 100_000_000, 5_000_000_000, 1_000_000_000_000] as [Int64] {
                let wait = try #require(tokens.wait(at: now, settled: settled))
                var early = tokens
                early.advance(to: now + wait * 9 / 10, settled: settled)
                #expect(early.wait(at: now + wait * 9 / 10, settled: settled) != nil)
                now += wait + 1
                tokens.advance(to: now, settled: settled)
                #expect(tokens.wait(at: now, settled: settled) == nil)
                _ = tokens.take()
            }
        }
    }

    /// The end of an attempt gives its token back: many short tasks do not wait for a second each.
    @Test func aThousandShortTasksAreNotBoundByTheRate() {
        var admission = Admission(AdmissionLimits())
        var running: [(id: Int64, until: Int64)] = []
        var (done, next, now) = (0, Int64(0), Int64(0))
        var most = 0
        while done < 1000 {
            for ended in running where ended.until <= now {
                admission.ended(ended.id, peak: nil, at: now)
                done += 1
            }
            running.removeAll { $0.until <= now }
            while admission.verdict(.plenty, running: running.count, maxRunning: 4, kind: "command", at: now).ok {
                admission.started(next, kind: "command", at: now)
                running.append((next, now + .seconds(0.01 + Double(next % 3) / 1000)))
                next += 1
            }
            most = max(most, running.count)
            now += .seconds(0.001)
        }
        // Two at a time make 5.5 s; time brings more slots into use.
        #expect(now < .seconds(5.2))
        #expect(most >= 3)
    }

    @Test func anEndGivesBackNoMoreThanItTook() {
        var admission = Admission(AdmissionLimits())
        // Those that nobody started here have nothing to give, and nobody ends twice.
        for id in 0..<50 as Range<Int64> { admission.ended(id, peak: nil, at: .seconds(100)) }
        admission.started(1, kind: "claude", at: .seconds(100))
        admission.started(1, kind: "claude", at: .seconds(100))
        admission.started(2, kind: "claude", at: .seconds(100))
        #expect(admission.ask(.plenty).codes == ["startRate"])
        admission.ended(2, peak: nil, at: .seconds(100))
        admission.ended(2, peak: nil, at: .seconds(100))
        #expect(admission.ask(.plenty).ok)
        admission.started(3, kind: "claude", at: .seconds(100))
        #expect(!admission.ask(.plenty).ok)
    }

    @Test func theOnlyOneTakesWhatThereIsAndGivesBackThat() {
        var admission = Admission(AdmissionLimits())
        for id in 1...3 as ClosedRange<Int64> { admission.started(id, kind: "claude", at: .seconds(0)) }
        // The third was the only one as far as the caller knew; it took nothing, so its end brings nothing.
        admission.ended(3, peak: nil, at: .seconds(0))
        #expect(admission.ask(.plenty, at: 0).codes == ["startRate"])
    }

    @Test func aClockThatStandsOrGoesBackBringsNoTokens() {
        var tokens = StartTokens(rate: 1, burst: 2)
        tokens.advance(to: .seconds(100), settled: 0)
        _ = tokens.take()
        _ = tokens.take()
        for now in [100, 50, 0, 100] { tokens.advance(to: .seconds(Double(now)), settled: 0) }
        #expect(tokens.level == 0)
        tokens.advance(to: .seconds(100.5), settled: 0)
        #expect(tokens.level == 0.5)
    }
}
