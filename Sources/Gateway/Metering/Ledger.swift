import Synchronization

/// The task's one account: every connection writes to it, the supervisor reads it.
final class Ledger: Sendable {
    /// Events that nobody has read yet; beyond it the oldest go, since a cage may cause any number.
    static let eventLimit = 1024

    let events: AsyncStream<GatewayEvent>
    private let continuation: AsyncStream<GatewayEvent>.Continuation
    private let account = Mutex(GatewayUsage())

    init() {
        (events, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.eventLimit))
    }

    var usage: GatewayUsage { account.withLock { $0 } }

    func forwarded() {
        account.withLock { $0.requests += 1 }
    }

    func spent(_ tokens: TokenCounts, model: String) {
        account.withLock { $0.add(tokens, model: model) }
    }

    func record(_ event: GatewayEvent) {
        account.withLock { usage in
            switch event {
            case .refused: usage.refused += 1
            case .failed: usage.failed += 1
            case .answered(let answer): usage.turns += answer.isTurn ? 1 : 0
            }
        }
        continuation.yield(event)
    }

    func finish() {
        continuation.finish()
    }
}
