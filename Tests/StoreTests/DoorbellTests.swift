import Glibc
import Testing

@testable import Store

struct DoorbellTests {
    @Test(.timeLimit(.minutes(1))) func anotherConnectionsCommitIsNoticedWithinFiftyMilliseconds() async throws {
        let fixture = try Fixture()
        let reader = try fixture.open()
        let writer = try fixture.open()
        var bell = reader.changes().makeAsyncIterator()
        await bell.next()
        var slowest = Duration.zero
        for count in 1...20 {
            try await Task.sleep(for: .milliseconds(5))
            let start = ContinuousClock.now
            _ = try writer.enqueue(fixture.spec())
            while try reader.list().count < count { await bell.next() }
            slowest = max(slowest, start.duration(to: .now))
        }
        // The slow tick alone would take half a second on average, so this tells a bell from a tick on a loaded machine too.
        #expect(slowest < .milliseconds(400))
    }

    @Test(.timeLimit(.minutes(1))) func withoutACommitItTicks() async throws {
        let fixture = try Fixture()
        let store = try fixture.open()
        let start = ContinuousClock.now
        var bell = store.changes().makeAsyncIterator()
        await bell.next()
        await bell.next()
        #expect(start.duration(to: .now) > .milliseconds(900))
    }

    @Test(.timeLimit(.minutes(1))) func withoutInotifyItAsksTheDatabase() async throws {
        let fixture = try Fixture()
        let reader = try fixture.open()
        let writer = try fixture.open()
        // A file that is gone cannot be watched.
        try #require(unlink(fixture.paths.doorbell) == 0)
        var bell = reader.changes().makeAsyncIterator()
        await bell.next()
        await bell.next()
        _ = try writer.enqueue(fixture.spec())
        while try reader.list().isEmpty { await bell.next() }
        // And it ticks.
        await bell.next()
    }
}
