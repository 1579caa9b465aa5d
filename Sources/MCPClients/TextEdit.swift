/// What is to stand in place of a range of a text; an empty range is an insertion.
struct TextEdit: Hashable, Sendable {
    /// Offsets of bytes.
    var range: Range<Int>
    var bytes: [UInt8]

    init(_ range: Range<Int>, _ text: String) {
        self.range = range
        bytes = Array(text.utf8)
    }

    init(at offset: Int, _ text: String) { self.init(offset..<offset, text) }

    static func deletion(_ range: Range<Int>) -> TextEdit { TextEdit(range, "") }
}

extension [TextEdit] {
    /// The text after all of them, which are in the order of their places. What two of them take out goes once.
    func applied(to text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var end = 0
        for edit in self {
            result += text[end..<Swift.max(end, edit.range.lowerBound)]
            result += edit.bytes
            end = Swift.max(end, edit.range.upperBound)
        }
        return result + text[end...]
    }
}

/// The lines of a text, and how they end.
enum LineEnd {
    /// That of its first line; LF where there is none.
    static func of(_ text: [UInt8]) -> String {
        guard let first = text.firstIndex(of: 10), first > 0, text[first - 1] == 13 else { return "\n" }
        return "\r\n"
    }

    /// Of the line on which the byte at `offset` is, counted from 1.
    static func number(of offset: Int, in text: [UInt8]) -> Int {
        text[..<min(offset, text.count)].count { $0 == 10 } + 1
    }

    /// The line, counted from 1, that is not UTF-8; nil when all are.
    static func ofInvalidUTF8(in text: [UInt8]) -> Int? {
        guard String(validating: text, as: UTF8.self) == nil else { return nil }
        let lines = text.split(separator: 10, omittingEmptySubsequences: false)
        return (lines.firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0) + 1
    }
}
