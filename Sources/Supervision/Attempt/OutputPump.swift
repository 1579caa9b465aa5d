import Dispatch
import OutputLog
import ShepherdProtocol
import Synchronization

/// Reads an attempt's output as it comes and hands it on, in order, on a queue of its own.
///
/// A slow consumer blocks only this queue. When the run is paced, what has been handed on is told to the shepherd as credit, so
/// that nothing is overwritten before it was read.
final class OutputPump: Sendable {
    /// Returns false when the consumer is gone and wants no more.
    typealias Consumer = @Sendable (OutputPiece) -> Bool

    private enum Waiting {
        case nobody
        case finishing(CheckedContinuation<OutputLogError?, Never>)
        case abandoned
    }

    private let queue = DispatchQueue(label: "claudine.output")
    private let directory: String
    private let consume: Consumer
    private let credit: (@Sendable (OutputStream, UInt64) -> Void)?
    private let onReaderGone: @Sendable () -> Void
    private let waiting = Mutex(Waiting.nobody)
    // Touched on `queue` only.
    private nonisolated(unsafe) var cursors: [StreamCursor] = []
    private nonisolated(unsafe) var wanted = true
    private nonisolated(unsafe) var failure: OutputLogError?

    init(
        directory: String, credit: (@Sendable (OutputStream, UInt64) -> Void)? = nil,
        onReaderGone: @escaping @Sendable () -> Void = {}, consume: @escaping Consumer
    ) {
        self.directory = directory
        self.onReaderGone = onReaderGone
        self.credit = credit
        self.consume = consume
    }

    /// There is more.
    func poke() { queue.async { [self] in pump() } }

    /// Hands on what is left and returns, or returns as soon as it is abandoned; a consumer that hangs is then left behind.
    ///
    /// - Returns: what kept the rest from being read, if anything did.
    func finish() async -> OutputLogError? {
        await withCheckedContinuation { continuation in
            let isAbandoned = waiting.withLock { waiting in
                if case .abandoned = waiting { return true }
                waiting = .finishing(continuation)
                return false
            }
            guard !isAbandoned else { return continuation.resume(returning: nil) }
            queue.async { [self] in
                pump()
                resume(with: failure)
            }
        }
    }

    /// Whoever finishes does not wait any longer.
    func abandon() { resume(with: nil) }

    private func resume(with failure: OutputLogError?) {
        let continuation = waiting.withLock { waiting -> CheckedContinuation<OutputLogError?, Never>? in
            defer { waiting = .abandoned }
            guard case .finishing(let continuation) = waiting else { return nil }
            return continuation
        }
        continuation?.resume(returning: failure)
    }

    private func pump() {
        guard wanted, failure == nil else { return }
        do throws(OutputLogError) {
            if cursors.isEmpty {
                let output = try AttemptOutput(directory: directory)
                cursors = OutputStream.allCases.map { StreamCursor(output, $0) }
            }
            // One piece of each stream in turn: a flood on one must not hold the other back.
            var isMore = true
            while isMore {
                isMore = false
                for index in cursors.indices {
                    guard let piece = try cursors[index].next() else { continue }
                    isMore = true
                    guard consume(piece) else { return lost() }
                    credit?(piece.stream, piece.end)
                }
            }
        } catch {
            if case .notThere = error { return }
            failure = error
        }
    }

    private func lost() {
        wanted = false
        for stream in OutputStream.allCases { credit?(stream, 1 << 62) }
        onReaderGone()
    }
}
