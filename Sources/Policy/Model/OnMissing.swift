/// What happens when a mechanism is not to be had on a machine: for each layer, the task is refused or runs without it.
package struct OnMissing: Equatable, Sendable, Codable {
    /// The two words of a policy file.
    package enum Reaction: String, Sendable, CaseIterable {
        case refuse, degrade
    }

    /// Layers whose absence refuses the task, each once and in the order of `Layer`.
    package private(set) var refused: [Layer]

    package init(refused: some Collection<Layer>) {
        self.refused = Layer.allCases.filter(refused.contains)
    }

    /// One word for every layer that a policy cannot do without unless it says so.
    init(_ reaction: Reaction) {
        self.init(refused: reaction == .refuse ? Layer.allCases.filter { !Self.optional.contains($0) } : [])
    }

    /// Second walls and conveniences: they are missed only where a policy names them.
    static let optional: [Layer] = [.landlock, .notification]

    mutating func set(_ layer: Layer, to reaction: Reaction) {
        let others = refused.filter { $0 != layer }
        self = OnMissing(refused: reaction == .refuse ? others + [layer] : others)
    }
}

extension Policy {
    /// Whether the task must not run where a layer is missing.
    package func refuses(_ layer: Layer) -> Bool { require.contains(layer) || onMissing.refused.contains(layer) }
}
