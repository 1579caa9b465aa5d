import Dispatch
import OutputLog
import ShepherdProtocol

/// Reads an attempt's output as it comes and hands it on, in order, on a queue of its own.
///
/// A slow consumer blocks only this queue. When the run is paced, what has been handed on is told to the shepherd as credit, so
/// that nothing is overwritten before it was read.
final class OutputPump: Sendable {
    /// Returns false when the consumer is gone and wants no more.
    typealias Consumer = @Sendable (OutputPiece) -> Bool

    private let queue = DispatchQueue(label: "claudine.output")
    private let directory: String
    private let consume: Consumer
    private let credit: (@Sendable (OutputStream, UInt64) -> Void)?
    // Touched on `queue` only.
    private nonisolated(unsafe) var cursors: [StreamCursor] = []
    private nonisolated(unsafe) var wanted = true
    private nonisolated(unsafe) var failure: OutputLogError?

    init(directory: String, credit: (@Sendable (OutputStream, UInt64) -> Void)?, consume: @escaping Consumer) {
        self.directory = directory
        self.credit = credit
        self.consume = consume
    }

    /// There is more.
    func poke() { queue.async { [self] in pump() } }

    /// Hands on what is left and returns; nothing is consumed after that.
    ///
    /// - Returns: what kept the rest from being read, if anything did.
    func finish() async -> OutputLogError? {
        await withCheckedContinuation { continuation in
            queue.async { [self] in
                pump()
                continuation.resume(returning: failure)
            }
        }
    }

    private func pump() {
        guard wanted, failure == nil else { return }
        do throws(OutputLogError) {
            if cursors.isEmpty {
                let output = try AttemptOutput(directory: directory)
                cursors = OutputStream.allCases.map { StreamCursor(output, $0) }
            }
            for index in cursors.indices {
                while let piece = try cursors[index].next() {
                    wanted = consume(piece)
                    guard wanted else {
                        for stream in OutputStream.allCases { credit?(stream, 1 << 62) }
                        return
                    }
                    credit?(piece.stream, piece.end)
                }
            }
        } catch {
            if case .notThere = error { return }
            failure = error
        }
    }
}
