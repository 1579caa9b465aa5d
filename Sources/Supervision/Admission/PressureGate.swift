/// Stops at a bound, and goes on only well below it and for a while: otherwise each start closes what the next end opens.
struct PressureGate: Sendable {
    private var isClosed = false
    /// BOOTTIME since when the value has been low enough; nil while it is not.
    private var calmSince: Int64?

    enum Denial: Equatable {
        case over
        /// It was over, and has to stay low for so many nanoseconds more; nil while it is not low enough.
        case recovering(Int64?)
    }

    /// - Parameters:
    ///   - value, bound: percent.
    ///   - calm: nanoseconds.
    mutating func denial(
        _ value: Double, bound: Double, resumeShare: Double, calm: Int64, at now: Int64
    ) -> Denial? {
        // Written so that what is no number stops.
        guard value < bound else {
            isClosed = true
            calmSince = nil
            return .over
        }
        guard isClosed else { return nil }
        guard value <= bound * resumeShare else {
            calmSince = nil
            return .recovering(nil)
        }
        let since = calmSince ?? now
        calmSince = since
        guard now - since < calm else {
            isClosed = false
            calmSince = nil
            return nil
        }
        return .recovering(calm - (now - since))
    }

    /// What cannot be read is not calm.
    mutating func unknown() { calmSince = nil }
}
