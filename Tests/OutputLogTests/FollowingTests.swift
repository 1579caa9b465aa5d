import OutputLog
import ShepherdProtocol
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct FollowingTests {
    /// A writer in its own thread of control, handing the total it reached to whoever asks.
    private func writeInBackground(
        _ writer: sending ReferenceWriter, chunks: Int, size: Int, pause: Duration
    ) async -> UInt64 {
        var total: UInt64 = 0
        for _ in 0..<chunks {
            writer.write(pattern(total..<(total + UInt64(size))))
            total += UInt64(size)
            if pause > .zero { try? await Task.sleep(for: pause) }
        }
        writer.close()
        return total
    }

    @Test func itEndsWhenTheStreamsAreClosedAndHasEverything() async throws {
        let writer = ReferenceWriter(head: 1 << 20, tail: 0)
        let output = try writer.open()
        async let written = writeInBackground(writer, chunks: 40, size: 1_000, pause: .milliseconds(5))
        var bytes = Bytes()
        for try await piece in Follower(StreamCursor(output, .stdout)) {
            guard case .data(_, let data, let offset) = piece else { continue }
            #expect(offset == UInt64(bytes.count))
            bytes += data
        }
        #expect(bytes == pattern(0..<(await written)))
    }

    /// A ring that is overwritten all the time while it is read: every byte handed out is the right one, and data and gaps leave no
    /// offset out.
    @Test(arguments: [(0, 4_096), (1_000, 4_096), (1_000, 100_000), (5_000, 1)] as [(UInt64, UInt64)])
    func aConcurrentWriterNeverSlipsAWrongByteIn(layout: (head: UInt64, tail: UInt64)) async throws {
        let writer = ReferenceWriter(head: layout.head, tail: layout.tail)
        let output = try writer.open()
        async let written = writeInBackground(writer, chunks: 1_500, size: 1_537, pause: .zero)
        var next: UInt64 = 0
        for try await piece in Follower(StreamCursor(output, .stdout)) {
            switch piece {
            case .data(_, let bytes, let offset):
                #expect(offset == next)
                if bytes != pattern(offset..<(offset + UInt64(bytes.count))) {
                    Issue.record("wrong bytes at \(offset)")
                }
            case .gap(_, let from, _): #expect(from == next)
            }
            next = piece.end
        }
        #expect(next == (await written))
    }

    @Test func anOffsetIsEnoughToGoOn() async throws {
        let writer = ReferenceWriter(head: 1 << 20, tail: 0)
        writer.write(pattern(0..<5_000))
        writer.close()
        let output = try writer.open()
        var bytes = Bytes()
        for try await piece in Follower(StreamCursor(output, .stdout, from: 1_234)) {
            guard case .data(_, let data, _) = piece else { continue }
            bytes += data
        }
        #expect(bytes == pattern(1_234..<5_000))
    }

    @Test func aDeadWriterEndsItAfterALastRead() async throws {
        let writer = ReferenceWriter(head: 100, tail: 0)
        writer.write(pattern(0..<50))
        let output = try writer.open()
        let isAlive = Mutex(true)
        let asked = Mutex(0)
        let follower = Follower(InterleavedReader(output)) {
            asked.withLock { $0 += 1 }
            return isAlive.withLock { $0 }
        }
        var iterator = follower.makeAsyncIterator()
        #expect(try await iterator.next() == .data(.stdout, pattern(0..<50), offset: 0))
        writer.write(pattern(50..<60))
        isAlive.withLock { $0 = false }
        #expect(try await iterator.next() == .data(.stdout, pattern(50..<60), offset: 50))
        #expect(try await iterator.next() == nil)
        #expect(asked.withLock { $0 } >= 3)
    }

    @Test func cancellationEndsIt() async throws {
        let writer = ReferenceWriter(head: 100, tail: 0)
        let output = try writer.open()
        let following = Task {
            for try await _ in Follower(StreamCursor(output, .stdout)) {}
            return true
        }
        try await Task.sleep(for: .milliseconds(50))
        following.cancel()
        #expect(try await following.value)
    }
}
