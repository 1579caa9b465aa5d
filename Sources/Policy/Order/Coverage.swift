/// Sets of elements of which some contain others: a directory what is below it, `LC_*` the name `LC_ALL`.
///
/// Two elements have nothing in common or one contains the other, which makes unions and intersections lists again.
struct Coverage: Sendable {
    /// All elements that contain an element, but for itself.
    let outer: @Sendable (String) -> [String]

    /// Canonical paths, absolute or all below the same directory.
    static let paths = Coverage { path in
        path.indices.filter { path[$0] == "/" && $0 != path.startIndex }.map { String(path[..<$0]) }
    }

    /// `NAME` and `PREFIX*`.
    static let variables = Coverage { name in
        let stem = name.hasSuffix("*") ? name.dropLast() : name[...]
        return stem.indices.map { stem[...$0] + "*" }.filter { $0 != name }
    }

    /// The shortest list that means the same, sorted.
    func normal(_ elements: [String]) -> [String] {
        let unique = Set(elements)
        return unique.filter { !outer($0).contains(where: unique.contains) }.sorted()
    }

    /// More is stricter: what is hidden or protected.
    var union: Lattice<[String]> {
        Lattice(
            isBelow: { left, right in Set(right).isSubset(of: part(of: right, in: left)) }, meet: { normal($0 + $1) })
    }

    /// Less is stricter: what is let in.
    var intersection: Lattice<[String]> {
        Lattice(
            isBelow: { left, right in Set(left).isSubset(of: part(of: left, in: right)) },
            meet: { left, right in normal(part(of: left, in: right) + part(of: right, in: left)) })
    }

    /// The elements that others contain.
    private func part(of elements: [String], in others: [String]) -> [String] {
        let others = Set(others)
        return elements.filter { others.contains($0) || outer($0).contains(where: others.contains) }
    }
}
