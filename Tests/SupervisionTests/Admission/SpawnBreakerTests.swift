import Testing

@testable import Supervision

/// What follows from starts for which the kernel has no resources.
struct SpawnBreakerTests {
    @Test func afterAFailedStartTheNextWaitsTwiceAsLongEachTime() {
        var breaker = SpawnBreaker()
        var now = Int64.seconds(100)
        for expected in [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 30] {
            #expect(breaker.denial(at: now) == nil)
            breaker.started(7)
            breaker.failed(at: now)
            #expect(breaker.denial(at: now) == .waiting(.seconds(expected)))
            now += .seconds(expected)
        }
        breaker.started(7)
        breaker.succeeded()
        #expect(breaker.denial(at: now) == nil)
        breaker.failed(at: now)
        #expect(breaker.denial(at: now) == .waiting(.seconds(0.25)))
    }

    @Test func theBreakerStopsEvenTheOnlyOneAndThenTriesExactlyOne() {
        var admission = Admission(.fast)
        admission.started(1, kind: "claude", at: .seconds(100))
        admission.spawnFailed(at: .seconds(100))
        admission.ended(1, peak: nil, at: .seconds(100))
        let open = admission.ask(.plenty, running: 0, at: 100.1)
        #expect(open.codes == ["spawnBreaker"])
        #expect(open.blockedBy.first?.retryInMs == 150)
        #expect(admission.ask(.plenty, running: 0, at: 100.25).ok)
        admission.started(2, kind: "claude", at: .seconds(100.25))
        let probing = admission.ask(.plenty, running: 0, at: 100.25)
        #expect(probing.codes == ["spawnBreaker"])
        #expect(probing.blockedBy.first?.retryInMs == nil)
        #expect(!admission.ask(.plenty, running: 0, at: 1000).ok)
        admission.spawnSucceeded()
        #expect(admission.ask(.plenty, at: 1000).ok)
    }

    @Test func startsThatFailTogetherCountOnce() {
        var breaker = SpawnBreaker()
        for _ in 0..<10 { breaker.failed(at: .seconds(100)) }
        #expect(breaker.denial(at: .seconds(100)) == .waiting(.seconds(0.25)))
        // Nor does one that was under way before, and went well, say that there are resources again.
        breaker.succeeded()
        #expect(breaker.denial(at: .seconds(100)) != nil)
    }

    @Test func aProbeThatNeverSpawnedTriedNothing() {
        var breaker = SpawnBreaker()
        breaker.failed(at: .seconds(100))
        breaker.started(1)
        breaker.ended(2)
        #expect(breaker.denial(at: .seconds(101)) == .probing)
        breaker.ended(1)
        #expect(breaker.denial(at: .seconds(101)) == nil)
        breaker.started(3)
        #expect(breaker.denial(at: .seconds(101)) == .probing)
        breaker.failed(at: .seconds(101))
        #expect(breaker.denial(at: .seconds(101)) == .waiting(.seconds(0.5)))
    }

    @Test(arguments: [true, false])
    func theOutcomeOfAProbeMayComeAfterItsEnd(_ succeeds: Bool) {
        var admission = Admission(.fast)
        admission.spawnFailed(at: .seconds(99))
        admission.started(1, kind: "command", at: .seconds(100))
        admission.ended(1, peak: nil, at: .seconds(100))
        if succeeds { admission.spawnSucceeded() } else { admission.spawnFailed(at: .seconds(100)) }
        #expect(admission.ask(.plenty, at: 100).codes == (succeeds ? [] : ["spawnBreaker"]))
        admission.started(2, kind: "command", at: .seconds(101))
        #expect(admission.ask(.plenty, at: 101).ok == succeeds)
    }
}
