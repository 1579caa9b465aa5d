/// Text of an agent as it may stand in a line of ours.
enum PlainText {
    /// Characters of a summary.
    static let longest = 200

    /// Everything on one line: whitespace becomes one space, invisible and control characters go.
    static func oneLine(_ text: some StringProtocol, longest: Int = longest) -> String {
        var result = ""
        var count = 0
        var isSpacePending = false
        for character in text {
            guard !character.isWhitespace else {
                isSpacePending = count > 0
                continue
            }
            guard let visible = visible(character) else { continue }
            if count + (isSpacePending ? 1 : 0) >= longest { return result + "…" }
            if isSpacePending { result.append(" ") }
            result.append(visible)
            count += isSpacePending ? 2 : 1
            isSpacePending = false
        }
        return result
    }

    static func firstLine(_ text: String) -> String {
        let lines = text.split(whereSeparator: \.isNewline)
        return oneLine(lines.first { $0.contains { !$0.isWhitespace } } ?? "")
    }

    /// Without what could act on a terminal or reorder what is read, and without a pile of combining marks.
    private static func visible(_ character: Character) -> Character? {
        let scalars = character.unicodeScalars.filter { scalar in
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: false
            case .format: scalar.value == 0x200D || scalar.value == 0x200C
            default: true
            }
        }
        guard !scalars.isEmpty else { return nil }
        return String(String.UnicodeScalarView(scalars.prefix(mostScalars))).first
    }

    /// Scalars of one character; the longest emoji sequences have 10.
    private static let mostScalars = 12
}
