/// A size, duration or count that was not understood: what was found and what is accepted.
package struct ValueError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Problem: String, Sendable {
        case empty
        case missingUnit = "missing unit"
        case unknownUnit = "unknown unit"
        case notANumber = "not a number"
        case overflow
    }

    package var problem: Problem
    /// The text as it was given.
    package var found: String
    /// A sentence with examples.
    package var accepted: String

    package var description: String { "'\(found)' is not valid (\(problem.rawValue)); accepted: \(accepted)" }
}

/// A value with one strict textual form, the same in policy files and in command line options.
package protocol TextValue: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// What is accepted, with examples, for error messages.
    static var accepted: String { get }
    init(parsing text: String) throws(ValueError)
}

/// Splits `30s` into 30 and `s`: ASCII digits first, then a unit, nothing else; no sign, no point, no space.
func splitQuantity(_ text: String, accepted: String) throws(ValueError) -> (number: UInt64, unit: String) {
    func failure(_ problem: ValueError.Problem) -> ValueError {
        ValueError(problem: problem, found: text, accepted: accepted)
    }
    guard !text.isEmpty else { throw failure(.empty) }
    let digits = text.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    guard !digits.isEmpty else { throw failure(.notANumber) }
    guard let number = UInt64(Substring(digits)) else { throw failure(.overflow) }
    let unit = String(text[digits.endIndex...])
    guard !unit.isEmpty else { throw failure(.missingUnit) }
    return (number, unit)
}
