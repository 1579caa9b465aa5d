import Synchronization

/// What calls left behind that have to ask something first (2026-07-28, "Multi Round-Trip Requests").
///
/// A client is handed a random name of 128 bits and nothing else, so there is nothing to read, to forge or to keep longer than it
/// holds. One opens it once: the same principal, with the same method and parameters, in time.
public final class RequestStates: Sendable {
    /// What is known again when the call is repeated.
    struct Resumption: Sendable {
        var state: JSON?
        /// Keys of the questions that are open.
        var asked: Set<String>
        /// Of earlier rounds.
        var answers: [String: JSON]
    }

    private struct Kept {
        var principal: String
        var call: [UInt8]
        var resumption: Resumption
        var expires: ContinuousClock.Instant
    }

    private let kept = Mutex<[String: Kept]>([:])
    private let validity: Duration
    /// At a time; the oldest go first.
    private static let most = 1000
    /// Bytes of the calls, so that clients that never come back cannot fill the memory with what they asked for.
    private static let mostBytes = 16 << 20

    /// - Parameter validity: how long there is to answer.
    public init(validity: Duration = .seconds(300)) { self.validity = validity }

    /// Returns the name that the client has to bring back.
    func keep(_ resumption: Resumption, of request: Request, for principal: String) -> String {
        var random = SystemRandomNumberGenerator()
        let name = [random.next(), random.next()].map { (half: UInt64) in
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
        let now = ContinuousClock.now
        let new = Kept(
            principal: principal, call: Self.call(request), resumption: resumption, expires: now + validity)
        kept.withLock { kept in
            kept = kept.filter { $0.value.expires > now }
            var bytes = kept.values.reduce(new.call.count) { $0 + $1.call.count }
            while kept.count >= Self.most || bytes > Self.mostBytes,
                let oldest = kept.min(by: { $0.value.expires < $1.value.expires })
            {
                bytes -= oldest.value.call.count
                kept[oldest.key] = nil
            }
            kept[name] = new
        }
        return name
    }

    /// Spends it, whatever comes of that.
    func open(_ name: String, of request: Request, for principal: String) throws(ResponseError) -> Resumption {
        let found = kept.withLock { $0.removeValue(forKey: name) }
        guard let found, found.expires > .now, found.principal == principal, found.call == Self.call(request) else {
            throw .invalidParams(
                "'requestState' belongs to no question that is open: it was answered, has expired, or is of another call. Make the call again without it."
            )
        }
        return found.resumption
    }

    /// What has to be the same when a call is made again.
    private static func call(_ request: Request) -> [UInt8] {
        var params = request.params
        for key in ["_meta", "inputResponses", "requestState"] { params[key] = nil }
        return JSON.array([.string(request.method), params]).canonicalBytes
    }
}
