/// An order on the values of one field, "at least as strict as", in which every two values have a loosest one that is at
/// least as strict as both.
struct Lattice<Value>: Sendable {
    /// Whether the first is at least as strict as the second: reflexive and transitive.
    let isBelow: @Sendable (Value, Value) -> Bool
    /// The greatest lower bound.
    let meet: @Sendable (Value, Value) -> Value
}

extension Lattice where Value: Comparable & SendableMetatype {
    /// Less is stricter.
    static var lessIsStricter: Lattice { Lattice(isBelow: { $0 <= $1 }, meet: { min($0, $1) }) }

    static var moreIsStricter: Lattice { Lattice(isBelow: { $0 >= $1 }, meet: { max($0, $1) }) }
}

extension Lattice where Value == Bool {
    static var falseIsStricter: Lattice { Lattice(isBelow: { !$0 || $1 }, meet: { $0 && $1 }) }
}

extension Lattice where Value: CaseIterable & Equatable & SendableMetatype {
    /// The cases stand from the strictest to the loosest.
    static var chain: Lattice {
        @Sendable func rank(_ value: Value) -> Int {
            Value.allCases.enumerated().first { $0.element == value }?.offset ?? 0
        }
        return Lattice(isBelow: { rank($0) <= rank($1) }, meet: { rank($0) <= rank($1) ? $0 : $1 })
    }
}

extension Lattice {
    /// What is missing bounds nothing.
    static func optional<Wrapped: Comparable & SendableMetatype>() -> Lattice where Value == Wrapped? {
        Lattice(
            isBelow: { left, right in
                guard let right else { return true }
                return left.map { $0 <= right } ?? false
            },
            meet: { left, right in
                guard let left, let right else { return left ?? right }
                return min(left, right)
            })
    }

    /// More elements are stricter; they keep their order, those of the first in front.
    static func union<Element: Hashable & SendableMetatype>() -> Lattice where Value == [Element] {
        Lattice(
            isBelow: { Set($0).isSuperset(of: $1) }, meet: { left, right in left + right.filter { !left.contains($0) } }
        )
    }

    /// Fewer elements are stricter; they keep the order of the first.
    static func intersection<Element: Hashable & SendableMetatype>() -> Lattice where Value == [Element] {
        Lattice(isBelow: { Set($0).isSubset(of: $1) }, meet: { left, right in left.filter(right.contains) })
    }

    /// Fewer pairs are stricter.
    static func pairs() -> Lattice where Value == [String: String] {
        Lattice(
            isBelow: { left, right in left.allSatisfy { right[$0.key] == $0.value } },
            meet: { left, right in left.filter { right[$0.key] == $0.value } })
    }
}
