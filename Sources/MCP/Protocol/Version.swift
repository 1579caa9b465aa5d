/// A revision of the protocol.
public enum ProtocolVersion: String, CaseIterable, Comparable, Sendable {
    case november2024 = "2024-11-05"
    case march2025 = "2025-03-26"
    case june2025 = "2025-06-18"
    case november2025 = "2025-11-25"
    case july2026 = "2026-07-28"

    /// From 2026-07-28 on each request carries what used to be agreed upon at the beginning, and there is no beginning.
    public var isModern: Bool { self >= .july2026 }

    public static let modern = allCases.filter(\.isModern).reversed().map(\.self)
    public static let newestLegacy = november2025

    public static func < (one: Self, other: Self) -> Bool { one.rawValue < other.rawValue }
}
