/// One readable line for each step, safe for any terminal.
package struct StepRenderer: Sendable {
    /// Columns of the terminal.
    package let width: Int
    package let colour: Bool

    package init(width: Int = 100, colour: Bool = false) {
        self.width = max(20, width)
        self.colour = colour
    }

    /// The line without its newline; nil for a step that says nothing.
    package func line(_ step: AgentStep) -> String? {
        switch step {
        case .initialised(let model): line("started", model.map { "with \($0)" } ?? "", .dim)
        case .text(let text): text.allSatisfy(\.isWhitespace) ? nil : line("says", text, .plain)
        case .toolUse(let name, let summary): line(name, summary, .bold)
        case .toolResult(let isError, let firstLine):
            isError
                ? line("  failed", firstLine, .red) : line("  gave", firstLine.isEmpty ? "nothing" : firstLine, .dim)
        case .retry(let attempt, let of, let delayMs, let status):
            line(
                "retry",
                "\(attempt)\(of.map { " of \($0)" } ?? "")\(status.map { " after status \($0)" } ?? "")"
                    + (delayMs.map { ", in \($0) ms" } ?? ""), .red)
        case .result(let isError, let subtype):
            isError ? line("ended", "with an error (\(subtype ?? "unnamed"))", .red) : line("ended", "well", .dim)
        }
    }

    private enum Style: String {
        case plain = ""
        case bold = "\u{1B}[1m"
        case dim = "\u{1B}[2m"
        case red = "\u{1B}[31m"
    }

    private func line(_ label: String, _ text: String, _ style: Style) -> String {
        let indent = label.hasPrefix(" ") ? "  " : ""
        let name = indent + PlainText.oneLine(label, longest: width / 2)
        let room = width - Self.columns(name) - 1
        let rest = fit(PlainText.oneLine(text, longest: width), room)
        let shown = colour && style != .plain ? "\(style.rawValue)\(name)\u{1B}[0m" : name
        return rest.isEmpty ? shown : "\(shown) \(rest)"
    }

    /// Cut so that it takes at most `room` columns, the sign of the cut included.
    private func fit(_ text: String, _ room: Int) -> String {
        guard Self.columns(text) > room else { return text }
        var result = ""
        var used = 1
        for character in text {
            used += Self.columns(character)
            if used > room { break }
            result.append(character)
        }
        return result + "…"
    }

    private static func columns(_ text: String) -> Int { text.reduce(0) { $0 + columns($1) } }

    /// Two for what East Asian fonts and emoji draw wide. Counting too many only makes a line shorter.
    private static func columns(_ character: Character) -> Int {
        guard let first = character.unicodeScalars.first else { return 0 }
        if first.properties.isEmojiPresentation || character.unicodeScalars.contains("\u{FE0F}") { return 2 }
        return switch first.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF,
            0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F000...0x1FAFF, 0x20000...0x3FFFD:
            2
        default: 1
        }
    }
}
