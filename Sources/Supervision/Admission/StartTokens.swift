/// Bounds how fast concurrency grows: a start takes a token, its end gives it back, and time brings new ones up to the burst.
/// A thousand tasks of ten milliseconds, one after another, need one; a restart with a thousand queued ones does not start a storm.
struct StartTokens: Sendable {
    /// A second; nil for no bound.
    let rate: Double?
    let burst: Double
    private(set) var level: Double
    private var clock = Int64.min

    init(rate: Double?, burst: Int) {
        self.rate = rate
        self.burst = Double(max(0, burst))
        level = self.burst
    }

    /// - Parameter settled: nanoseconds of BOOTTIME until which tokens come half as fast.
    mutating func advance(to now: Int64, settled: Int64) {
        // The first look at the clock.
        if clock == .min { clock = now }
        guard now > clock, let rate else { return }
        let slow = max(0, min(now, settled) - clock)
        let seconds = (Double(now - clock) - Double(slow) / 2) / 1e9
        clock = now
        level = min(burst, level + rate * seconds)
    }

    /// - Returns: what there was of one, for `giveBack`: the only start at a time does not wait for a whole one.
    mutating func take() -> Double {
        let taken = min(1, level)
        level -= taken
        return taken
    }

    mutating func giveBack(_ token: Double) { level = min(burst, level + token) }

    /// Nanoseconds until the next token; nil if there is one.
    func wait(at now: Int64, settled: Int64) -> Int64? {
        guard let rate, level < 1 else { return nil }
        let missing = (1 - level) / rate * 1e9
        let slow = Double(max(0, settled - now))
        // As long as something settles half of the time counts.
        let wait = missing * 2 <= slow ? missing * 2 : missing + slow / 2
        return wait < 1e18 ? Int64(wait.rounded(.up)) : .max
    }
}
