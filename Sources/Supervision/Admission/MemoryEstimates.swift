/// How much memory an attempt of a kind will take: what nine of ten of the last ones have taken at most.
struct MemoryEstimates: Sendable {
    private let agent: Int64
    private let command: Int64
    /// Bytes, oldest first, by kind.
    private var peaks: [String: [Int64]] = [:]

    /// Peaks that are remembered of a kind.
    private static let remembered = 50

    /// - Parameters:
    ///   - agent: bytes expected of an agent before any was measured.
    ///   - command: of the kind `command`.
    init(agent: Int64, command: Int64) {
        self.agent = agent
        self.command = command
    }

    mutating func measured(_ peak: Int64, of kind: String) {
        guard peak > 0 else { return }
        let known = peaks[kind] ?? [start(kind)]
        peaks[kind] = (known + [peak]).suffix(Self.remembered)
    }

    /// Bytes: the 90th percentile (nearest rank).
    ///
    /// The start value counts as the first measurement. So one attempt that failed at once, and took little, does not open the
    /// door to ten that do not; nine such outvote it.
    subscript(kind: String) -> Int64 {
        guard let sorted = peaks[kind]?.sorted() else { return start(kind) }
        return sorted[(sorted.count * 9 + 9) / 10 - 1]
    }

    private func start(_ kind: String) -> Int64 { kind == "command" ? command : agent }
}
