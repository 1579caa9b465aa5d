/// After a start for which the kernel had no resources the next waits, each time twice as long, and is then the only one until
/// its outcome is known: starts that fail as fast as they can would take what running attempts need.
struct SpawnBreaker: Sendable {
    private enum State {
        case closed
        /// Until then nothing starts; after it, one.
        case open(until: Int64)
        case probing(attempt: Int64)
        /// The probe is gone, and its outcome may still come; meanwhile another may start.
        case halfOpen
    }

    enum Denial: Equatable {
        /// Nanoseconds from now.
        case waiting(Int64)
        case probing
    }

    private var state = State.closed
    /// In a row.
    private(set) var failures = 0

    /// Nanoseconds: 0.25 s, doubled by each further failure up to 30 s.
    private static let shortest: Int64 = 250_000_000
    private static let longest: Int64 = 30_000_000_000

    /// Why nothing may start; nil if something may.
    func denial(at now: Int64) -> Denial? {
        switch state {
        case .closed, .halfOpen: nil
        case .open(let until): now < until ? .waiting(until - now) : nil
        case .probing: .probing
        }
    }

    mutating func started(_ attempt: Int64) {
        switch state {
        case .open, .halfOpen: state = .probing(attempt: attempt)
        case .closed, .probing: break
        }
    }

    mutating func failed(at now: Int64) {
        // One that was already under way when another failed says nothing new.
        if case .open(let until) = state, now < until { return }
        // The eighth failure would wait 32 s.
        let pause = min(Self.longest, Self.shortest << Int64(min(failures, 7)))
        failures += 1
        state = .open(until: now + pause)
    }

    mutating func succeeded() {
        // While it is open a success is of a start from before.
        if case .open = state { return }
        state = .closed
        failures = 0
    }

    /// A probe that ended without an outcome (refused before there was a process) has tried nothing: the next one is the probe.
    mutating func ended(_ attempt: Int64) {
        if case .probing(attempt) = state { state = .halfOpen }
    }
}
