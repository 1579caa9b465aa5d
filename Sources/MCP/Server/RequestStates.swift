import Synchronization

/// What calls left behind that have to ask something first (2026-07-28, "Multi Round-Trip Requests").
///
/// A client is handed a random name of 128 bits and nothing else, so there is nothing to read, to forge or to keep longer than it
/// holds. One opens it once: the same principal, with the same method and arguments, in time.
public final class RequestStates: Sendable {
    private struct Kept {
        var principal: String
        var method: String
        var params: JSON
        var state: JSON?
        var expires: ContinuousClock.Instant
    }

    private let kept = Mutex<[String: Kept]>([:])
    private let validity: Duration
    /// At a time; the oldest go first.
    private static let most = 1000

    public init(validity: Duration = .seconds(300)) { self.validity = validity }

    func keep(_ state: JSON?, of method: String, _ params: JSON, for principal: String) -> String {
        var random = SystemRandomNumberGenerator()
        let name = [random.next(), random.next()].map { (half: UInt64) in
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
        let now = ContinuousClock.now
        kept.withLock { kept in
            kept = kept.filter { $0.value.expires > now }
            if kept.count >= Self.most, let oldest = kept.min(by: { $0.value.expires < $1.value.expires }) {
                kept[oldest.key] = nil
            }
            kept[name] = Kept(
                principal: principal, method: method, params: Self.same(params), state: state, expires: now + validity)
        }
        return name
    }

    /// Spends it, whatever comes of that.
    func open(_ name: String, of method: String, _ params: JSON, for principal: String) throws(ResponseError) -> JSON? {
        let found = kept.withLock { $0.removeValue(forKey: name) }
        guard let found, found.expires > .now, found.principal == principal, found.method == method,
            found.params == Self.same(params)
        else {
            throw .invalidParams(
                "'requestState' belongs to no question that is open: it was answered, has expired, or is of another call. Make the call again without it."
            )
        }
        return found.state
    }

    /// What has to be the same when a call is made again.
    private static func same(_ params: JSON) -> JSON {
        var params = params
        for key in ["_meta", "inputResponses", "requestState"] { params[key] = nil }
        return params
    }
}
