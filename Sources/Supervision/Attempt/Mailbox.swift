import ShepherdProtocol
import Store

/// Everything that can happen to an attempt while it runs, in one order.
enum AttemptEvent: Sendable {
    case shepherd(ShepherdEvent)
    /// Something in the cage has connected to the gateway's sockets, which nobody serves yet.
    case gatewayWanted
    /// Whoever read the worker's stdout does not any more.
    case readerGone
    /// The gateway has refused something.
    case refused(Violation)
    /// Its files have grown by more than they may.
    case diskExceeded
    /// Somebody has committed something; a wish to stop may be among it.
    case storeChanged
    /// Time has passed; see `Silence`.
    case tick
}

/// A shepherd's heartbeats, counted in our own ticks so that a supervisor that was itself stopped does not blame its shepherd.
struct Silence {
    /// Seconds between ticks; the shepherd's heartbeat is as long.
    static let tick = 2

    enum Verdict: Equatable {
        case fine
        /// Perhaps it was stopped: one SIGCONT.
        case wake
        case dead
    }

    private var ticks = 0
    private var last: ContinuousClock.Instant?

    mutating func heard() { ticks = 0 }

    mutating func tick(at now: ContinuousClock.Instant = .now) -> Verdict {
        // Those that piled up while the database was waited for count as one.
        if let last, now - last < .seconds(Self.tick) / 2 { return .fine }
        last = now
        ticks += 1
        switch ticks {
        case 4: return .wake
        case 8...: return .dead
        default: return .fine
        }
    }
}
