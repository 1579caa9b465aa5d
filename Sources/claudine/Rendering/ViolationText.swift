import Store

extension Violation {
    /// One of a list: `mount ×12 (bash)`.
    var text: String {
        var text = what.oneLine.shortened(to: 120)
        if count > 1 { text += " ×\(count)" }
        if let program, !program.isEmpty { text += " (\(program.oneLine))" }
        return text
    }

    private var isRefusal: Bool { mechanism != .workspace }

    /// What a run says of them in the end: which refusals explain an agent's puzzling errors, and which new files to look at.
    static func sentences(_ violations: [Violation]) -> [String] {
        let refused = violations.filter(\.isRefusal)
        let changed = violations.filter { !$0.isRefusal }
        var sentences: [String] = []
        if !refused.isEmpty { sentences.append("the cage refused \(list(refused))") }
        if !changed.isEmpty {
            sentences.append(
                "warning: it made or changed \(list(changed)), which other programs run or obey: look before you open the workspace"
            )
        }
        return sentences
    }

    private static func list(_ violations: [Violation]) -> String {
        let shown = violations.prefix(6).map(\.text).joined(separator: ", ")
        return violations.count > 6 ? "\(shown) and \(violations.count - 6) more" : shown
    }
}
