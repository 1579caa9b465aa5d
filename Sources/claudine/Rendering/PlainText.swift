import OutputLog

extension String {
    /// The same text on one line and harmless for a terminal.
    var oneLine: String {
        var safe = TerminalSafe()
        let words = split(whereSeparator: \.isNewline).joined(separator: " ")
        return safe.clean(words.replacing("\t", with: " "))
    }

    /// At most `width` characters, the last one an ellipsis when something was cut.
    func shortened(to width: Int) -> String {
        count <= width ? self : prefix(max(0, width - 1)) + "…"
    }
}
