import ShepherdProtocol

/// The pieces of a cursor as they come, until both streams are closed.
///
/// It ends after one last read that began when the index already said `closed`, never because of a task's state. A shepherd that
/// was killed cannot close its index: `writerIsAlive` (usually: is the attempt's lock held?) tells a pause from that end. The last
/// read again begins after the answer, so nothing that was written is missed.
package struct Follower<Cursor: OutputCursor>: AsyncSequence {
    package typealias Element = OutputPiece
    package typealias Failure = OutputLogError

    private let cursor: Cursor
    private let writerIsAlive: @Sendable () -> Bool

    package init(_ cursor: Cursor, writerIsAlive: @escaping @Sendable () -> Bool = { true }) {
        self.cursor = cursor
        self.writerIsAlive = writerIsAlive
    }

    package func makeAsyncIterator() -> Iterator {
        Iterator(cursor: cursor, writerIsAlive: writerIsAlive)
    }

    package struct Iterator: AsyncIteratorProtocol {
        /// Where the reading stands; resumable by handing its offsets to a new cursor.
        package private(set) var cursor: Cursor
        private let writerIsAlive: @Sendable () -> Bool
        private var bell: Doorbell?

        fileprivate init(cursor: Cursor, writerIsAlive: @escaping @Sendable () -> Bool) {
            self.cursor = cursor
            self.writerIsAlive = writerIsAlive
        }

        /// The next piece; nil at the end of the streams or when the surrounding task is cancelled.
        package mutating func next(isolation actor: isolated (any Actor)?) async throws(OutputLogError) -> OutputPiece?
        {
            while true {
                let ended = try cursor.output.header().closed || !writerIsAlive()
                if let piece = try cursor.next() { return piece }
                if ended { return nil }
                guard let bell else {
                    // What changed before the bell hung was heard by nobody: look once more before the first sleep.
                    bell = Doorbell(path: cursor.output.indexPath)
                    continue
                }
                guard await bell.wait() else { return nil }
            }
        }
    }
}
