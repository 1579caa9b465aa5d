/// An amount of memory or storage; written `64K 512M 4G 1T`, each unit 1024 times the one before.
///
/// A bare number, a sign, a fraction, another suffix or more than 2^64 - 1 bytes is an error.
package struct ByteSize: TextValue {
    package var bytes: UInt64

    package init(bytes: UInt64) { self.bytes = bytes }

    package static let accepted = "a whole number with a unit K, M, G or T (1024-based), as in 64K, 512M, 4G"

    private static let units: [(suffix: String, shift: UInt64)] = [("T", 40), ("G", 30), ("M", 20), ("K", 10)]

    package init(parsing text: String) throws(ValueError) {
        let (number, suffix) = try splitQuantity(text, accepted: Self.accepted)
        guard let unit = Self.units.first(where: { $0.suffix == suffix }) else {
            throw ValueError(problem: .unknownUnit, found: text, accepted: Self.accepted)
        }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << unit.shift)
        // The largest value is what the wire uses for "no bound".
        guard !overflow, bytes < .max else {
            throw ValueError(problem: .overflow, found: text, accepted: Self.accepted)
        }
        self.bytes = bytes
    }

    package static func < (left: ByteSize, right: ByteSize) -> Bool { left.bytes < right.bytes }

    /// The shortest text that parses to the same value; bytes that are no whole number of K are shown with `bytes`.
    package var description: String {
        guard bytes > 0 else { return "0K" }
        for unit in Self.units where bytes % (1 << unit.shift) == 0 { return "\(bytes >> unit.shift)\(unit.suffix)" }
        return "\(bytes) bytes"
    }

    package init(from decoder: any Decoder) throws {
        bytes = try decoder.singleValueContainer().decode(UInt64.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(bytes)
    }
}
