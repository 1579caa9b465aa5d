/// A length of time; written `500ms 30s 10m 2h 1d`, one number with one unit.
///
/// A bare number, a sign, a fraction, several units, or more than fits in 64 bits of nanoseconds (584 years) is an error.
package struct TimeSpan: TextValue {
    package var milliseconds: UInt64

    package init(milliseconds: UInt64) { self.milliseconds = milliseconds }

    package static let accepted = "a whole number with a unit ms, s, m, h or d, as in 500ms, 30s, 10m, 2h, 1d"

    private static let units: [(suffix: String, milliseconds: UInt64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
    ]

    /// The shepherd counts nanoseconds and uses the largest value for "no bound".
    private static let longest = (UInt64.max - 1) / 1_000_000

    package init(parsing text: String) throws(ValueError) {
        let (number, suffix) = try splitQuantity(text, accepted: Self.accepted)
        guard let unit = Self.units.first(where: { $0.suffix == suffix }) else {
            throw ValueError(problem: .unknownUnit, found: text, accepted: Self.accepted)
        }
        let (milliseconds, overflow) = number.multipliedReportingOverflow(by: unit.milliseconds)
        guard !overflow, milliseconds <= Self.longest else {
            throw ValueError(problem: .overflow, found: text, accepted: Self.accepted)
        }
        self.milliseconds = milliseconds
    }

    /// Saturates just below the shepherd's "no bound".
    package var nanoseconds: UInt64 { min(milliseconds, Self.longest) * 1_000_000 }

    package static func < (left: TimeSpan, right: TimeSpan) -> Bool { left.milliseconds < right.milliseconds }

    /// The shortest text that parses to the same value.
    package var description: String {
        guard milliseconds > 0 else { return "0s" }
        for unit in Self.units where milliseconds % unit.milliseconds == 0 {
            return "\(milliseconds / unit.milliseconds)\(unit.suffix)"
        }
        return "\(milliseconds)ms"
    }

    package init(from decoder: any Decoder) throws {
        milliseconds = try decoder.singleValueContainer().decode(UInt64.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(milliseconds)
    }
}
