/// A limit, or the deliberate absence of one: the word `unlimited`, never 0 and never an empty value.
package enum Bound<Value: TextValue>: TextValue {
    case limited(Value)
    case unlimited

    private static var word: String { "unlimited" }

    package static var accepted: String { Value.accepted + ", or the word unlimited" }

    package init(parsing text: String) throws(ValueError) {
        guard text != Self.word else {
            self = .unlimited
            return
        }
        do {
            self = .limited(try Value(parsing: text))
        } catch {
            throw ValueError(problem: error.problem, found: error.found, accepted: Self.accepted)
        }
    }

    package var value: Value? {
        switch self {
        case .limited(let value): value
        case .unlimited: nil
        }
    }

    package static func < (left: Bound, right: Bound) -> Bool {
        switch (left, right) {
        case (.limited(let left), .limited(let right)): left < right
        case (.limited, .unlimited): true
        case (.unlimited, _): false
        }
    }

    package var description: String { value?.description ?? Self.word }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self), text == Self.word {
            self = .unlimited
        } else {
            self = .limited(try container.decode(Value.self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .limited(let value): try container.encode(value)
        case .unlimited: try container.encode(Self.word)
        }
    }
}
