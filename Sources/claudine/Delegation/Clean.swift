import OutputLog

/// What a task has written is data from somebody who may want to deceive: nothing in it may move a terminal's cursor, turn the
/// direction of a text, or carry a secret of ours to a model.
enum Clean {
    /// Several lines; tabs and line ends stay.
    static func text(_ text: String) -> String {
        var safe = TerminalSafe()
        let clean = safe.clean(text) + safe.finish()
        return Secrets.redacted(clean)
    }

    static func line(_ text: String) -> String {
        Self.text(text).split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    /// The beginning of a text, at most so many bytes of UTF-8, cut between characters.
    static func prefix(_ text: String, bytes: Int) -> (text: String, isCut: Bool) {
        guard text.utf8.count > bytes else { return (text, false) }
        var end = text.utf8.index(text.startIndex, offsetBy: bytes)
        while end > text.startIndex, end.samePosition(in: text) == nil { end = text.utf8.index(before: end) }
        return (String(text[..<end]), true)
    }
}
