import Synchronization
import Testing

@testable import MCP

@Suite struct AnnouncerTests {
    private final class Journal: Channel {
        let entries = Mutex<[(at: ContinuousClock.Instant, text: String)]>([])
        func send(_ message: Message) {
            entries.withLock { $0.append((.now, String(decoding: message.bytes, as: UTF8.self))) }
        }
    }

    private func stream(_ changes: [Change]) -> AsyncStream<Change> {
        AsyncStream { continuation in
            for change in changes { continuation.yield(change) }
            continuation.finish()
        }
    }

    @Test func aResourceThatChangesAllTheTimeIsToldOfTwice() async {
        let journal = Journal()
        let changes = Array(repeating: Change.resource("a"), count: 4) + [.resource("b"), .toolList, .toolList]
        await Announcer(channel: journal, meta: nil).run(stream(changes))
        let entries = journal.entries.withLock { $0 }
        let updates = entries.filter { $0.text.contains(#""uri":"a""#) }
        #expect(updates.count == 2)
        #expect(entries.count { $0.text.contains(#""uri":"b""#) } == 1)
        #expect(entries.count { $0.text.contains("list_changed") } == 2)
        if let first = updates.first, let last = updates.last { #expect(last.at - first.at >= .milliseconds(990)) }
    }

    @Test func whoeverIsCancelledIsToldNothingMore() async throws {
        for _ in 0..<20 {
            let journal = Journal()
            let (stream, continuation) = AsyncStream.makeStream(of: Change.self)
            let task = Task { await Announcer(channel: journal, meta: nil).run(stream) }
            for _ in 0..<3 { continuation.yield(.resource("a")) }
            while journal.entries.withLock({ $0.isEmpty }) { await Task.yield() }
            task.cancel()
            let first = try #require(journal.entries.withLock { $0.first }).at
            // On a machine that is busy the second one may have been due already.
            let isInTime = ContinuousClock.now - first < Announcer.pause
            await task.value
            guard isInTime else { continue }
            #expect(journal.entries.withLock { $0.count } == 1)
            return
        }
        Issue.record("nobody could be cancelled within \(Announcer.pause)")
    }

    @Test func tasksAreNotForOldClients() async {
        let journal = Journal()
        await Announcer(channel: journal, meta: nil).run(stream([.task(Sample.snapshots[0])]))
        #expect(journal.entries.withLock { $0.isEmpty })
    }
}
