import MCP
import Synchronization

/// What is to be told to a client over one HTTP response, in the order in which it was sent.
final class Exchange: MCP.Channel {
    enum Part: Sendable {
        /// A notification, or a question of before 2026-07-28.
        case message([UInt8])
        /// The last of all, and the error if it is one.
        case answer([UInt8], ResponseError?)
        /// Time has passed, and a sign of life is due.
        case heartbeat
    }

    let parts: AsyncStream<Part>
    private let continuation: AsyncStream<Part>.Continuation
    private let limits: Limits
    /// Bytes that wait to be written.
    private let waiting = Mutex(0)

    init(limits: Limits) {
        self.limits = limits
        (parts, continuation) = AsyncStream.makeStream()
    }

    func send(_ message: Message) {
        let bytes = message.bytes
        if case .response(_, let result) = message {
            let error: ResponseError? = if case .failure(let error) = result { error } else { nil }
            continuation.yield(.answer(bytes, error))
            return continuation.finish()
        }
        let isDroppable = if case .notification = message { true } else { false }
        // Yielded under the lock, so that the order is that of the calls.
        waiting.withLock { waiting in
            if isDroppable, waiting > limits.unwritten { return }
            guard waiting <= limits.mostUnwritten else { return continuation.finish() }
            waiting += bytes.count
            continuation.yield(.message(bytes))
        }
    }

    /// The client has taken a message.
    func wrote(_ count: Int) { waiting.withLock { $0 -= count } }

    /// There is nothing more to tell, or nobody to be told.
    func end() { continuation.finish() }

    /// Lets the heart beat after `patience`, and again every `interval`, until it is cancelled.
    func beat(after patience: Duration, every interval: Duration) -> Task<Void, any Error> {
        Task { [continuation] in
            try await Task.sleep(for: patience)
            while true {
                continuation.yield(.heartbeat)
                try await Task.sleep(for: interval)
            }
        }
    }
}
